// The field for a message: it grows with the text, keeps drafts, and sends with Enter.
import { el } from "../dom.js"
import { icon } from "../icons.js"
import { settings } from "../storage.js"

const MAX_DRAFT = 200_000

export class Composer {
  constructor(actions) {
    this.actions = actions
    this.key = null
    this.field = el("textarea#message", { rows: "1", dir: "auto", placeholder: "Write a message", "aria-label": "Message", enterkeyhint: "send", oninput: () => this.#changed(), onkeydown: event => this.#key(event) })
    this.send = el("button.primary.icon.send", { type: "button", "aria-label": "Send", title: "Send (Enter)", onclick: () => this.#send() }, icon("send"))
    this.stop = el("button.icon.send", { type: "button", "aria-label": "Stop", title: "Stop (Esc)", hidden: true, onclick: () => actions.stop() }, icon("stop"))
    this.left = el("div.row.composer-left")
    this.count = el("span.muted.small.number.context")
    this.editing = el("div.editing", { hidden: true }, el("span", {}, icon("edit", 16), "Editing an earlier message. Sending it starts a branch."),
      el("button.quiet.small", { type: "button", onclick: () => this.cancelEdit() }, "Cancel"))
    this.element = el("div.composer", {}, el("div.composer-box", {}, this.editing, this.field, el("div.composer-row", {}, this.left, this.count, this.stop, this.send)))
  }

  /** Shows the draft of a conversation. */
  open(id) {
    this.key = `draft.${id}`
    this.edited = null
    this.editing.hidden = true
    this.field.value = settings.get(this.key, "")
    this.#fit()
  }

  edit(node) {
    this.flush()
    this.edited = node
    this.editing.hidden = false
    this.field.value = node.text
    this.#fit()
    this.field.focus()
  }

  cancelEdit() {
    this.edited = null
    this.editing.hidden = true
    this.field.value = settings.get(this.key, "")
    this.#fit()
    this.field.focus()
  }

  set running(value) {
    this.stop.hidden = !value
    this.send.hidden = value
  }

  insert(text) {
    this.field.value = text
    this.#changed()
    this.field.focus()
  }

  #changed() {
    this.#fit()
    if (this.edited) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.flush(), 250)
  }

  /** Stores the draft now. */
  flush() {
    clearTimeout(this.timer)
    if (this.key === null || this.edited) return
    settings.set(this.key, this.field.value === "" ? null : this.field.value.slice(0, MAX_DRAFT))
  }

  #fit() {
    this.field.style.height = "auto"
    this.field.style.height = `${Math.min(this.field.scrollHeight, innerHeight * 0.4)}px`
    this.send.disabled = this.field.value.trim() === ""
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      this.#send()
    } else if (event.key === "Escape" && this.edited) {
      event.preventDefault()
      event.stopPropagation()
      this.cancelEdit()
    } else if (event.key === "ArrowUp" && this.field.value === "") {
      if (this.actions.editLast()) event.preventDefault()
    }
  }

  #send() {
    const text = this.field.value
    if (text.trim() === "" || !this.stop.hidden) return
    const node = this.edited
    if (this.actions.send(text, node) === false) return
    this.edited = null
    this.editing.hidden = true
    // An edited message leaves the draft of the next one as it was.
    this.field.value = node ? settings.get(this.key, "") : ""
    this.flush()
    this.#fit()
  }
}
