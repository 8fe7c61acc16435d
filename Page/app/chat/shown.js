// The files of a message in the conversation.
import { el } from "../dom.js"
import * as format from "../format.js"
import { icon } from "../icons.js"
import { dialog } from "../overlays.js"

/** Returns an element with the files of a message: images open larger, audio plays, texts open below their names. */
export function shown(files) {
  return el("div.files", {}, files.map(file => ({ image, audio })[file.kind]?.(file) ?? text(file)))
}

function image(file) {
  const large = () => dialog({ title: file.name, wide: true, body: el("img.large", { src: file.data, alt: file.name }) })
  return el("button.file-image", { type: "button", "aria-label": `Show ${file.name}`, title: file.name, onclick: large }, el("img", { src: file.data, alt: file.name }))
}

function audio(file) {
  return el("figure.file-audio", {}, el("figcaption.small", { dir: "auto" }, icon("speaker", 16), file.name), el("audio", { controls: true, preload: "metadata", src: file.data, "aria-label": file.name }))
}

function text(file) {
  // The text lies in the document only while it is open: it can be long.
  const content = el("pre", { tabindex: "0", dir: "auto" })
  const open = event => { content.textContent = event.currentTarget.open ? file.text ?? "" : "" }
  return el("details.file-text", { ontoggle: open }, el("summary", {}, icon("file", 18), el("span", { dir: "auto" }, file.name), el("small", {}, `${format.bytes(file.size)}${file.cut ? ", cut" : ""}`)), content)
}
