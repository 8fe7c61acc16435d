// The field for a message: it grows with the text, keeps drafts, edits and files, and sends with Enter.
import { el } from "../dom.js"
import { icon } from "../icons.js"
import { settings } from "../storage.js"

const MAX_DRAFT = 200_000
const attachments = () => import("./attachments.js")

export class Composer {
  constructor(actions) {
    Object.assign(this, { actions, id: null, edited: null, files: [], reading: 0 })
    this.field = el("textarea#message", { rows: "1", dir: "auto", placeholder: "Write a message", "aria-label": "Message", enterkeyhint: "send", oninput: () => this.changed(), onkeydown: event => this.#key(event), onpaste: event => this.#paste(event) })
    this.send = el("button.primary.icon.send", { type: "button", "aria-label": "Send", title: "Send (Enter)", onclick: () => this.#send() }, icon("send"))
    this.stop = el("button.icon.send", { type: "button", "aria-label": "Stop", title: "Stop (Esc)", hidden: true, onclick: () => actions.stop() }, icon("stop"))
    this.clip = el("button.quiet.icon.small", { type: "button", "aria-label": "Attach files", title: "Attach files", onclick: () => attachments().then(module => module.choose(this)) }, icon("attach", 18))
    this.ear = el("button.quiet.icon.small", { type: "button", "aria-label": "Dictate", title: "Dictate", hidden: true, onclick: () => actions.dictate() }, icon("microphone", 18))
    this.left = el("div.row.composer-left")
    this.count = el("span.muted.small.number.context")
    this.tray = el("ul.tray", { "aria-label": "Attached files", hidden: true })
    this.editing = el("div.editing", { hidden: true }, el("span", {}, icon("edit", 16), "Editing an earlier message. Sending it starts a branch."),
      el("button.quiet.small", { type: "button", onclick: () => this.cancelEdit() }, "Cancel"))
    this.element = el("div.composer", {}, el("div.composer-box", {}, this.editing, this.tray, this.field, el("div.composer-row", {}, this.clip, this.left, this.count, this.ear, this.stop, this.send)))
  }

  /** The name under which the present text and files are kept. */
  get slot() { return `${this.edited ? "edit" : "draft"}.${this.id}` }

  /** Shows the draft of a conversation, or the edit of one of its messages. */
  open(id, nodes) {
    this.id = id
    this.edited = nodes.get(settings.get(`edit.${id}`)?.node) ?? null
    this.#show()
  }

  edit(node) {
    this.flush()
    settings.set(`edit.${this.id}`, { node: node.id, text: node.text })
    settings.set(`edit.${this.id}.files`, null)
    this.edited = node
    this.#show()
    this.field.focus()
  }

  cancelEdit() {
    this.#forget()
    this.edited = null
    this.#show()
    this.field.focus()
  }

  #show() {
    const { edited, slot } = this
    const kept = settings.get(slot)
    this.editing.hidden = !edited
    this.field.value = edited ? kept?.text ?? edited.text : kept ?? ""
    this.#hold(edited?.files ?? [])
    if (settings.get(`${slot}.files`)) attachments().then(module => module.kept(slot)).then(files => { if (files && this.slot === slot) this.#hold(files) }, () => {})
  }

  #hold(files) {
    this.files = files
    this.redraw()
    this.#fit()
  }

  /** Shows the files again, for example for another model. */
  redraw() { if (this.files.length > 0 || !this.tray.hidden) attachments().then(module => module.draw(this)) }

  /** Attaches files that the person chose, dropped or pasted. */
  attach(files) { return attachments().then(module => module.add(this, files)) }

  #paste(event) {
    const { files } = event.clipboardData
    // Programs that copy tables and texts add a picture of them.
    if (files.length === 0 || event.clipboardData.getData("text/plain")) return
    event.preventDefault()
    this.attach([...files])
  }

  /** Takes files that are dropped on an element. */
  accept(element) {
    const show = on => element.classList.toggle("dropping", on)
    const has = event => event.dataTransfer?.types.includes("Files")
    element.addEventListener("dragover", event => { if (has(event)) { event.preventDefault(); show(true) } })
    element.addEventListener("dragleave", event => { if (!element.contains(event.relatedTarget)) show(false) })
    element.addEventListener("drop", event => { show(false); if (has(event)) { event.preventDefault(); this.attach([...event.dataTransfer.files]) } })
  }

  set running(value) {
    this.stop.hidden = !value
    this.send.hidden = value
  }

  insert(text) {
    this.field.value = text
    this.changed()
    this.field.focus()
  }

  changed() {
    this.#fit()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.flush(), 250)
  }

  /** Stores the draft, or the edit, now. */
  flush() {
    clearTimeout(this.timer)
    if (this.id === null) return
    const text = this.field.value.slice(0, MAX_DRAFT)
    settings.set(this.slot, this.edited ? { node: this.edited.id, text } : text || null)
  }

  #forget() {
    const { slot } = this, files = `${slot}.files`
    settings.set(slot, null)
    if (!settings.get(files)) return
    settings.set(files, null)
    attachments().then(module => module.keep(slot, []))
  }

  /** Belongs to no conversation and keeps nothing, because its own was deleted. */
  leave() {
    clearTimeout(this.timer)
    this.id = null
  }

  /** Belongs to the conversation of this ID from now on. */
  move(id) {
    this.#forget()
    this.id = id
  }

  #fit() {
    this.field.style.height = "auto"
    this.field.style.height = `${Math.min(this.field.scrollHeight, innerHeight * 0.4)}px`
    this.send.disabled = this.reading > 0 || this.field.value.trim() === "" && this.files.length === 0
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      this.#send()
    } else if (event.key === "Escape" && this.edited) {
      event.preventDefault()
      event.stopPropagation()
      this.cancelEdit()
    } else if (event.key === "ArrowUp" && this.field.value === "" && this.files.length === 0) {
      if (this.actions.editLast()) event.preventDefault()
    }
  }

  #send() {
    this.#fit()
    if (this.send.disabled || !this.stop.hidden) return
    if (this.actions.send(this.field.value, this.edited, this.files) === false) return
    // An edited message leaves the draft of the next one as it was.
    clearTimeout(this.timer)
    this.#forget()
    this.edited = null
    this.#show()
  }
}
