// Reads files for a message: texts as a marked block, images and audio as data URLs, all of them bounded.

export const MAX_FILES = 10
const MAX_TEXT = 200_000, MAX_TEXT_FILE = 8_000_000, MAX_MEDIA_FILE = 50_000_000, MAX_DATA = 12_000_000, MAX_SIDE = 2048, PLAIN_IMAGE = 1_500_000, RATE = 16_000, MAX_SECONDS = 300
const images = ["image/png", "image/jpeg", "image/webp", "image/gif"]
const sounds = { "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3" }
const allowed = /^data:(?:image\/(?:png|jpeg|webp|gif)|audio\/(?:wav|mpeg));base64,[A-Za-z0-9+/]+={0,2}$/

/** Returns a file as the message keeps it: `kind`, `name`, `size`, and `text` or `data`. Throws an Error with plain words. */
export async function readFile(file) {
  const name = file.name.slice(0, 200) || "file"
  if (file.type.startsWith("image/") && file.type !== "image/svg+xml") return { kind: "image", name, ...await readImage(file, name) }
  if (file.type.startsWith("audio/")) return { kind: "audio", name, ...await readAudio(file, name) }
  return { kind: "text", name, size: file.size, ...await readText(file, name) }
}

async function readText(file, name) {
  const bytes = new Uint8Array(await file.slice(0, MAX_TEXT_FILE).arrayBuffer())
  const wide = { "255,254": "utf-16le", "254,255": "utf-16be" }[bytes.slice(0, 2).join()]
  let content
  // A character can be cut at the end of the part that was read.
  try { content = new TextDecoder(wide ?? "utf-8", { fatal: true }).decode(bytes, { stream: file.size > MAX_TEXT_FILE }) } catch { content = "\0" }
  if (content.includes("\0")) throw new Error(`${name} is not a text, an image or audio.`)
  if (content.trim() === "") throw new Error(`${name} is empty.`)
  const cut = content.length > MAX_TEXT || file.size > MAX_TEXT_FILE
  const shown = cut ? content.slice(0, MAX_TEXT).replace(/[\ud800-\udbff]$/, "") : content
  return { text: block(name, shown, cut), cut }
}

/** Returns the block that a model sees: the file's name, and its text between marks that are longer than any in it. */
function block(name, content, cut) {
  const longest = content.match(/`{3,}/g)?.reduce((most, run) => Math.max(most, run.length), 0) ?? 0
  const marks = "`".repeat(Math.max(3, longest + 1))
  const title = name.replace(/[\r\n"`]+/g, " ")
  return `File "${title}"${cut ? ` (cut after ${content.length} characters)` : ""}:\n${marks}\n${content.replace(/\n$/, "")}\n${marks}`
}

async function readImage(file, name) {
  if (file.size > MAX_MEDIA_FILE) throw new Error(`${name} is larger than 50 MB.`)
  let picture
  try { picture = await createImageBitmap(file) } catch { throw new Error(`The browser cannot read the image ${name}.`) }
  try {
    const { width, height } = picture
    if (images.includes(file.type) && file.size <= PLAIN_IMAGE && Math.max(width, height) <= MAX_SIDE) return { type: file.type, size: file.size, data: await dataOf(file, file.type) }
    const scale = Math.min(1, MAX_SIDE / Math.max(width, height))
    const canvas = document.createElement("canvas")
    Object.assign(canvas, { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) })
    const context = canvas.getContext("2d")
    // JPEG has no transparency.
    context.fillStyle = "#fff"
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(picture, 0, 0, canvas.width, canvas.height)
    const small = await new Promise(resolve => canvas.toBlob(resolve, "image/jpeg", 0.88))
    if (!small) throw new Error(`The browser cannot make ${name} smaller.`)
    return { type: "image/jpeg", size: small.size, data: await dataOf(small, "image/jpeg") }
  } finally {
    picture.close()
  }
}

async function readAudio(file, name) {
  if (file.size > MAX_MEDIA_FILE) throw new Error(`${name} is larger than 50 MB.`)
  const known = sounds[file.type]
  const sound = known && file.size * 4 / 3 < MAX_DATA - 100 ? file : await asWave(file, name)
  const type = sound === file && known === "mp3" ? "audio/mpeg" : "audio/wav"
  return { type, size: sound.size, data: await dataOf(sound, type) }
}

/** Returns recorded or compressed audio as a WAV file with one channel, which every model that hears reads. */
export async function asWave(file, name = "the recording") {
  let heard
  try { heard = await new OfflineAudioContext(1, RATE, RATE).decodeAudioData(await file.arrayBuffer()) } catch { throw new Error(`The browser cannot read the audio of ${name}.`) }
  if (heard.duration > MAX_SECONDS) throw new Error(`${name} is longer than ${MAX_SECONDS / 60} minutes.`)
  const channels = Array.from({ length: heard.numberOfChannels }, (_, index) => heard.getChannelData(index))
  const view = new DataView(new ArrayBuffer(44 + 2 * heard.length))
  const write = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)))
  write(0, "RIFF"); view.setUint32(4, 36 + 2 * heard.length, true); write(8, "WAVEfmt ")
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, RATE, true)
  view.setUint32(28, 2 * RATE, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true); write(36, "data"); view.setUint32(40, 2 * heard.length, true)
  for (let index = 0; index < heard.length; index += 1) {
    const value = channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length
    view.setInt16(44 + 2 * index, Math.max(-1, Math.min(1, value)) * 32767, true)
  }
  return new Blob([view], { type: "audio/wav" })
}

function dataOf(blob, type) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onerror = () => reject(new Error("The browser cannot read this file."))
    reader.onload = () => resolve(`data:${type};base64,${reader.result.slice(reader.result.indexOf(",") + 1)}`)
    reader.readAsDataURL(blob)
  })
}

/** Returns the files of an import or of a draft that have the page's form. */
export function validFiles(list) {
  return (Array.isArray(list) ? list : []).slice(0, MAX_FILES).flatMap(file => {
    const facts = { kind: file?.kind, name: String(file?.name ?? "file").slice(0, 200), size: Math.max(0, Number(file?.size) || 0) }
    if (facts.kind === "text" && typeof file.text === "string" && file.text.length <= MAX_TEXT + 1000) return [{ ...facts, text: file.text, cut: file.cut === true }]
    const fits = typeof file?.data === "string" && file.data.length <= MAX_DATA && allowed.test(file.data) && file.data.startsWith(`data:${facts.kind}/`)
    return fits ? [{ ...facts, type: file.data.slice(5, file.data.indexOf(";")), data: file.data }] : []
  })
}
