import { el, every } from "./dom.js"
import { icon } from "./icons.js"

/** Returns whether the clipboard contains the text now. Without the clipboard API (plain HTTP on another machine), a selection is copied. */
export async function copy(value) {
  try {
    await navigator.clipboard.writeText(value)
    return true
  } catch {
    // Below an open dialog nothing can be selected.
    const active = document.activeElement
    const area = el("textarea.visually-hidden", { ".value": value, "aria-hidden": "true" })
    const place = every("dialog[open]").at(-1) ?? document.body
    place.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    active?.focus?.({ preventScroll: true })
    return done
  }
}

/** Returns a button that copies a text, or the result of a function. */
export function copyButton(value, label = "Copy") {
  const button = el("button.quiet.icon.small.copy", { type: "button", "aria-label": label, title: label }, icon("copy", 18))
  button.addEventListener("click", async () => {
    const done = await copy(typeof value === "function" ? await value() : value)
    button.replaceChildren(icon(done ? "check" : "cross", 18))
    button.setAttribute("aria-label", done ? "Copied" : "The browser did not allow copying")
    setTimeout(() => { button.replaceChildren(icon("copy", 18)); button.setAttribute("aria-label", label) }, 1600)
  })
  return button
}
