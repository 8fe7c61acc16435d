// Dictating into the message, and reading answers aloud.
import { api } from "../api.js"
import { el } from "../dom.js"
import { dialog, toast } from "../overlays.js"
import { settings } from "../storage.js"
import { modelFor } from "./abilities.js"
import { textOf } from "./conversation.js"
import { asWave } from "./files.js"

const MAX_RECORDING = 290_000, MAX_PART = 1500, MAX_SPOKEN = 60_000
let recording = null, reading = null

/** Records from the microphone until it is called again, and adds to the message what a model understood. */
export async function dictate(chat) {
  if (recording) return recording.stop()
  const { composer, app } = chat
  const model = modelFor("transcription", chat.picker.all)
  if (!navigator.mediaDevices?.getUserMedia || !("MediaRecorder" in globalThis)) return toast("The browser gives a page the microphone only over HTTPS, or on the server's own machine.", { kind: "bad" })
  let source
  try { source = await navigator.mediaDevices.getUserMedia({ audio: true }) } catch { return toast("The browser does not allow this page to use the microphone.", { kind: "bad" }) }
  const recorder = new MediaRecorder(source)
  const parts = [], { slot } = composer
  const over = new Promise((resolve, reject) => {
    recorder.ondataavailable = ({ data }) => parts.push(data)
    recorder.onstop = resolve
    recorder.onerror = () => reject(new Error("The recording failed."))
  })
  const end = () => { if (recorder.state !== "inactive") recorder.stop() }
  const timer = setTimeout(end, MAX_RECORDING)
  app.signal.addEventListener("abort", end)
  recording = { stop: end }
  mark(composer.ear, "Stop dictating", true)
  recorder.start(1000)
  try {
    await over
    if (app.signal.aborted) return
    mark(composer.ear, "Writing what you said…", true, true)
    const text = await transcribe(new Blob(parts, { type: recorder.mimeType }), model, app.signal)
    if (text === "") toast("The model understood no words.")
    else if (composer.slot === slot) write(composer, text)
    else toast(text, { seconds: 30 })
  } catch (error) {
    if (!error.aborted) toast(error.message, { kind: "bad" })
  } finally {
    clearTimeout(timer)
    app.signal.removeEventListener("abort", end)
    for (const track of source.getTracks()) track.stop()
    recording = null
    mark(composer.ear, "Dictate", false)
  }
}

function mark(button, label, pressed, busy = false) {
  button.setAttribute("aria-label", label)
  button.title = label
  button.disabled = busy
  button.setAttribute("aria-pressed", String(pressed))
}

async function transcribe(sound, model, signal) {
  const body = new FormData()
  body.append("model", model)
  body.append("file", await asWave(sound), "speech.wav")
  const answer = await api.json("v1/audio/transcriptions", { body, signal })
  return String(answer?.text ?? "").trim().slice(0, 100_000)
}

/** Adds words where the cursor is. */
function write(composer, text) {
  const { field } = composer
  const before = field.value.slice(0, field.selectionStart)
  field.setRangeText(`${before === "" || /\s$/.test(before) ? "" : " "}${text}`, field.selectionStart, field.selectionEnd, "end")
  composer.changed()
  field.focus()
}

/** Reads an answer aloud, or stops reading. */
export async function read(chat, node, button) {
  const before = reading
  reading?.stop()
  if (before?.node === node) return
  const { app } = chat, control = new AbortController()
  const mine = reading = { node, stop: () => control.abort() }
  const label = button.getAttribute("aria-label")
  app.signal.addEventListener("abort", mine.stop)
  mark(button, "Stop reading", true)
  try {
    const parts = spoken(textOf(node)), model = modelFor("speech", chat.picker.all)
    await (model === "browser" ? byBrowser(parts, control.signal) : byModel(parts, model, control.signal))
  } catch (error) {
    if (!error.aborted && !control.signal.aborted) toast(error.message, { kind: "bad" })
  } finally {
    app.signal.removeEventListener("abort", mine.stop)
    if (reading === mine) reading = null
    mark(button, label, false)
  }
}

/** Returns a text without the marks of Markdown, in parts that end with sentences. */
export function spoken(text) {
  const plain = text.slice(0, MAX_SPOKEN).replace(/```[^\n]*\n[\s\S]*?(?:```|$)/g, " (code) ").replace(/!?\[([^\]\n]*)\]\([^)\n]*\)/g, "$1").replace(/^[ \t]*(?:#+|>|[-*+])[ \t]+/gm, "").replace(/[*_`|]+/g, " ")
  const parts = []
  for (const sentence of plain.match(/[^.!?。！？\n]+(?:[.!?。！？]+|\n|$)/g) ?? []) {
    for (let from = 0; from < sentence.length; from += MAX_PART) {
      const piece = sentence.slice(from, from + MAX_PART).replace(/\s+/g, " ").trim()
      if (piece === "") continue
      if (parts.length > 0 && parts.at(-1).length + piece.length < 300) parts[parts.length - 1] += ` ${piece}`
      else parts.push(piece)
    }
  }
  return parts
}

/** Plays the model's speech part by part. The next part is made while one plays. */
async function byModel(parts, model, signal) {
  const make = async input => (await api.request("v1/audio/speech", { body: { model, input, voice: settings.get("voice", "alloy") }, signal })).blob()
  let next = parts.length > 0 ? make(parts[0]) : null
  for (let index = 0; index < parts.length; index += 1) {
    const sound = await next
    next = index + 1 < parts.length ? make(parts[index + 1]) : null
    next?.catch(() => {})
    await play(sound, signal)
  }
}

function play(sound, signal) {
  const address = URL.createObjectURL(sound)
  const player = new Audio(address)
  return new Promise((resolve, reject) => {
    const stop = () => { player.pause(); resolve() }
    if (signal.aborted) return resolve()
    signal.addEventListener("abort", stop)
    player.onended = resolve
    player.onerror = () => reject(new Error("The browser cannot play the model's speech."))
    player.play().catch(error => signal.aborted ? resolve() : reject(new Error(`The browser does not play the speech: ${error.message}`)))
  }).finally(() => URL.revokeObjectURL(address))
}

/** Reads with a voice of this machine. Voices of the browser's maker send the text away. */
async function byBrowser(parts, signal) {
  const own = () => speechSynthesis.getVoices().filter(each => each.localService)
  if (own().length === 0) await new Promise(resolve => { speechSynthesis.addEventListener("voiceschanged", resolve, { once: true }); setTimeout(resolve, 1000) })
  const voices = own(), language = (document.documentElement.lang || navigator.language).slice(0, 2)
  const voice = voices.find(each => each.default) ?? voices.find(each => each.lang.startsWith(language)) ?? voices[0]
  if (!voice) throw new Error("This browser has no voice that works without sending the text to its maker.")
  await new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => { speechSynthesis.cancel(); resolve() })
    speechSynthesis.cancel()
    if (parts.length === 0) return resolve()
    parts.forEach((part, index) => {
      const words = Object.assign(new SpeechSynthesisUtterance(part), { voice, lang: voice.lang })
      words.onerror = () => reject(new Error("The browser cannot read this aloud."))
      if (index === parts.length - 1) words.onend = resolve
      speechSynthesis.speak(words)
    })
  })
}

/** Lets the person choose the models for transcription and speech. */
export async function editVoice(chat) {
  const list = chat.picker.all ?? []
  const select = (use, none, others) => {
    const offered = list.filter(model => model.shimmy?.capabilities?.includes(use)).map(model => model.id)
    const names = [["auto", offered.length > 0 ? `Automatic (${offered[0]})` : "Automatic"], ...others, ["", none], ...list.map(model => [`model ${model.id}`, model.id])]
    const field = el("select", {}, names.map(([value, text]) => el("option", { value }, text)))
    const chosen = settings.get(`model.${use}`)
    field.value = chosen === null ? "auto" : chosen === "" || chosen === "browser" ? chosen : `model ${chosen}`
    if (field.selectedIndex < 0) field.value = "auto"
    return field
  }
  const ears = select("transcription", "Off", []), mouth = select("speech", "Off", "speechSynthesis" in globalThis ? [["browser", "The browser's voice"]] : [])
  const voice = el("input", { ".value": settings.get("voice", "alloy"), maxlength: "100", spellcheck: "false" })
  const done = await dialog({
    title: "Voice",
    body: [
      el("label.field", {}, el("span", {}, "Model for transcription"), ears, el("small", {}, "It writes what you dictate. The server does not know of every model whether it can; choose one that does.")),
      el("label.field", {}, el("span", {}, "Read aloud with"), mouth, el("small", {}, "A model, or a voice of this machine that the browser offers.")),
      el("label.field", {}, el("span", {}, "Voice of the model"), voice, el("small", {}, "Such as alloy. The model's documentation lists its voices.")),
    ],
    actions: [{ text: "Cancel", value: false }, { text: "Save", kind: "primary", submit: true, value: true }],
  }).result
  if (done !== true) return
  for (const [use, { value }] of [["transcription", ears], ["speech", mouth]]) settings.set(`model.${use}`, value === "auto" ? null : value.replace(/^model /, ""))
  settings.set("voice", voice.value.trim() || "alloy")
  chat.abilities()
}
