// Keyboard shortcuts and the overlay that lists them.
import { settings } from "./storage.js"

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
    if (!found || isSingle(found.keys) && (typing || !settings.get("single-keys", true))) return
    if (found.action(event) === false) return
    event.preventDefault()
  }

  async show() {
    if (this.#open) return
    this.#open = true
    try { (await import("./shortcut-list.js")).showShortcuts(this.#list, isSingle, mac, () => { this.#open = false }) } catch { this.#open = false }
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

/** Whether a shortcut is one key alone, which people who dictate to their computer press by accident. */
const isSingle = keys => !/ctrl|alt|escape/.test(keys)
