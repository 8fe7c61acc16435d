// The choice of a model, with what it can do.
import { el, fill } from "../dom.js"
import * as format from "../format.js"
import { icon } from "../icons.js"

const words = { tools: "tools", thinking: "reasoning", vision: "images", audio: "audio" }
const wordsOf = capabilities => capabilities.map(each => words[each]).filter(Boolean)
// The menu asks this number of models what they can do, and waits this number of milliseconds for it.
const MAX_ASKED = 12, LONGEST_WAIT = 200

export class ModelPicker {
  constructor(app, changed) {
    Object.assign(this, { app, changed, list: null, all: null, model: null, capabilities: [], error: null, shown: new Map() })
    this.button = el("button.quiet.model-picker", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.#open() })
    this.#draw()
  }

  /** Chooses the model of this name, or the first one if it is gone. */
  async choose(name, fresh = false) {
    const turn = this.turn = {}
    try {
      const list = await this.app.models.list({ fresh })
      if (turn !== this.turn) return
      this.all = list
      this.list = list.filter(model => model.shimmy?.capabilities?.includes("chat") ?? true)
      this.error = null
    } catch (error) {
      if (error.aborted || turn !== this.turn) return
      this.error = error
      this.list = null
    }
    const found = this.list?.find(each => each.id === name) ?? this.list?.find(each => each.shimmy?.loaded) ?? this.list?.[0] ?? null
    await this.#set(found)
  }

  /** Returns what a model can do, as far as it is known. */
  of(model) { return [...new Set([...model?.shimmy?.capabilities ?? [], ...this.shown.get(model?.id) ?? []])] }

  /** Asks what a model can do beside what the list says: its template tells. The chat works without this. */
  #learn(model) {
    return this.app.models.show(model.id).then(shown => { if (Array.isArray(shown?.capabilities)) this.shown.set(model.id, shown.capabilities) }, () => {})
  }

  /** - chosen: whether the person chose the model, and not the page. */
  async #set(model, chosen = false) {
    this.model = model
    this.capabilities = this.of(model)
    this.#draw()
    this.changed(chosen)
    if (!model) return
    await this.#learn(model)
    if (this.model === model) { this.capabilities = this.of(model); this.#draw() }
  }

  #draw() {
    const can = wordsOf(this.capabilities)
    const name = this.model?.id ?? (this.list === null ? this.error ? "No connection" : "Loading…" : "No model")
    this.button.setAttribute("aria-label", `Model: ${name}`)
    fill(this.button, el("span.name", { dir: "auto" }, name), can.map(each => el("span.chip", {}, each)), icon("down", 16))
  }

  async #open() {
    if (this.list === null) return this.choose(this.model?.id, true)
    if (this.list.length === 0) return this.app.go("models")
    if (this.asking) return
    this.asking = true
    await Promise.race([Promise.all(this.list.slice(0, MAX_ASKED).map(model => this.#learn(model))), new Promise(resolve => setTimeout(resolve, LONGEST_WAIT))])
    this.asking = false
    if (!this.button.isConnected) return
    this.app.menu(this.button, [...this.list.map(model => ({ text: model.id, hint: about(model, this.of(model)), checked: model === this.model, disabled: Boolean(model.shimmy?.problem), run: () => this.#set(model, true) })), "-",
      { text: "Manage models", icon: "models", run: () => this.app.go("models") }])
  }
}

function about(model, capabilities) {
  const { parameters, quantization, context_length: context, size_bytes: size, loaded, problem } = model.shimmy ?? {}
  return [problem, parameters && `${format.compact(parameters)} parameters`, quantization, size && format.bytes(size), context && `${format.compact(context)} context`, loaded && "loaded", ...wordsOf(capabilities)].filter(Boolean).join(" · ")
}
