// The files of the message that is being written: choosing, showing and removing them, and keeping them with the draft.
import { el, fill } from "../dom.js"
import * as format from "../format.js"
import { icon } from "../icons.js"
import { toast } from "../overlays.js"
import { settings } from "../storage.js"
import { MAX_FILES, readFile, validFiles } from "./files.js"
import { database } from "./store.js"

const memory = new Map()
// Drafts have a database of their own, so that its version is independent of that of conversations.
const { run } = database("shimmy-drafts", created => created.createObjectStore("files"), "The browser cannot store these files.")

/** Returns the files that were kept under a name; null if there are none, because the page was closed before the browser had stored them. */
export async function kept(slot) {
  const found = await run(["files"], "readonly", files => files.get(slot)) ?? memory.get(slot)
  return found ? validFiles(found) : null
}

/** Keeps the files of a draft or an edit, or forgets them. An edit without files differs from one that nobody has changed. */
export async function keep(slot, list, isEdit = false) {
  const some = list.length > 0 || isEdit
  settings.set(`${slot}.files`, some ? true : null)
  some ? memory.set(slot, list) : memory.delete(slot)
  await run(["files"], "readwrite", files => some ? files.put(list, slot) : files.delete(slot)).catch(() => {})
}

/** Lets the person choose files. */
export function choose(composer) {
  const input = el("input", { type: "file", multiple: true, hidden: true, onchange: () => { add(composer, [...input.files]); input.remove() }, oncancel: () => input.remove() })
  document.body.append(input)
  input.click()
}

/** Reads files and attaches them to the message, if it is still the same. */
export async function add(composer, chosen) {
  const { slot } = composer
  composer.reading += 1
  composer.changed()
  for (const file of chosen) {
    try {
      if (composer.files.length >= MAX_FILES) throw new Error(`A message has at most ${MAX_FILES} files.`)
      const read = await readFile(file)
      if (composer.slot !== slot) break
      composer.files = [...composer.files, read]
      draw(composer)
    } catch (error) {
      toast(error.message, { kind: "bad" })
      if (composer.files.length >= MAX_FILES) break
    }
  }
  composer.reading -= 1
  if (composer.slot === slot) changed(composer)
  composer.field.focus()
}

function changed(composer) {
  keep(composer.slot, composer.files, Boolean(composer.edited))
  draw(composer)
  composer.changed()
}

/** Shows the files above the text, and which of them the model cannot take. */
export function draw(composer) {
  composer.actions.style("files").catch(() => {})
  const had = composer.tray.contains(document.activeElement)
  fill(composer.tray, composer.files.map(file => {
    const wrong = composer.actions.refusal(file.kind)
    return el(`li.tray-file${wrong ? ".wrong" : ""}`, {},
      file.kind === "image" ? el("img", { src: file.data, alt: "", width: "40", height: "40" }) : icon(file.kind === "audio" ? "speaker" : "file", 22),
      el("span.tray-text", {}, el("span.tray-name", { dir: "auto", title: file.name }, file.name), el("small", {}, wrong ?? `${format.bytes(file.size)}${file.cut ? ", cut" : ""}`)),
      el("button.quiet.icon.small", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => { composer.files = composer.files.filter(each => each !== file); changed(composer) } }, icon("cross", 16)))
  }))
  composer.tray.hidden = composer.files.length === 0
  if (had) (composer.tray.querySelector("button") ?? composer.field).focus()
}
