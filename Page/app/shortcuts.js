// Keyboard shortcuts and the overlay that lists them.
import { el } from "./dom.js"
import { dialog } from "./overlays.js"

const mac = /Mac|iPhone|iPad/.test(navigator.platform)

export class Shortcuts {
  #list = []
  #open = false

  constructor() {
    addEventListener("keydown", event => this.#run(event))
  }

  /** Adds a shortcut such as "ctrl+k" (the command key on a Mac), "alt+1", "?" or "escape"; with a signal, until it is aborted. */
  add(keys, text, action, signal = null) {
    const entry = { keys, text, action }
    this.#list.push(entry)
    signal?.addEventListener("abort", () => { this.#list = this.#list.filter(each => each !== entry) })
  }

  #run(event) {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]")
    const found = this.#list.findLast(({ keys }) => fits(keys, event))
    if (!found || typing && !/ctrl|alt|escape/.test(found.keys)) return
    if (found.action(event) === false) return
    event.preventDefault()
  }

  show() {
    if (this.#open) return
    this.#open = true
    const rows = this.#list.map(({ keys, text }) => el("div", {}, el("dt", {}, keys.split("+").map(each => el("kbd", {}, shown(each)))), el("dd", {}, text)))
    dialog({ title: "Keyboard shortcuts", body: el("dl.shortcuts", {}, rows), onclose: () => { this.#open = false } })
  }
}

function fits(keys, event) {
  const parts = keys.split("+")
  const last = parts.at(-1)
  const ctrl = mac ? event.metaKey : event.ctrlKey
  const typed = parts.includes("alt") && /^Digit\d$/.test(event.code) ? event.code.slice(5) : event.key.toLowerCase()
  return parts.includes("ctrl") === ctrl && parts.includes("alt") === event.altKey
    && (parts.includes("shift") === event.shiftKey || last === "?") && typed === last
}

const shown = key => ({ ctrl: mac ? "⌘" : "Ctrl", alt: mac ? "⌥" : "Alt", shift: "Shift", escape: "Esc", enter: "Enter" })[key] ?? key.toUpperCase()
