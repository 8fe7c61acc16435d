// The part of the view for one model: its steps, its KV cache and its sequences.
import { el, fill } from "../dom.js"
import { bytes, compact, count, percent, seconds } from "../format.js"
import { Chart, cells, squares, steps } from "./charts.js"
import { doing } from "./explain.js"
import { MOST_SEQUENCES } from "./state.js"

/** Sets a text only if it differs, so that an update changes few nodes. */
export function say(element, text) { if (element.textContent !== text) element.textContent = text }

export class ModelPart {
  #model = null
  #track = null
  #owners
  #rows = new Map()
  #hues = new Map()

  constructor(palette, owners) {
    this.#owners = owners
    this.name = el("h2", { dir: "auto" })
    this.state = el("span.chip")
    this.facts = el("span.muted.small")
    this.steps = new Chart(palette, "now-steps", (context, width, height, colours) => {
      if (this.#track) steps(context, width, height, this.#track.steps, this.#target, colours)
    })
    this.cells = new Chart(palette, "now-cells", (context, width, height, colours) => {
      if (this.#model) cells(context, width, height, this.#model.cells, root => this.#hue(root), colours)
    })
    this.stepFacts = el("span.muted.small.number")
    this.cellFacts = el("span.muted.small.number")
    this.cellKey = el("p.now-key.small")
    this.list = el("ul.now-sequences")
    this.rest = el("p.muted.small")
    this.element = el("section.card.now-model", {},
      el("div.spread", {}, el("div.row", {}, this.name, this.state), this.facts),
      this.charts = el("div.now-charts", {},
        el("figure", {}, el("figcaption.spread", {}, el("h3", {}, "Steps"), this.stepFacts), this.steps.element,
          el("p.now-key.small", {}, key("hue-1", "answers"), key("hue-3", "prompts"), key("target", "target"))),
        el("figure", {}, el("figcaption.spread", {}, el("h3", {}, "KV cache"), this.cellFacts), this.cells.element, this.cellKey)),
      this.sequences = el("div.stack.now-list", {}, el("h3", {}, "Sequences"), this.list, this.rest))
  }

  get #target() { return this.#model.target }

  /** The hue of a prefix, given in the order in which prefixes appear. */
  #hue(root) {
    if (this.#hues.size > 512) this.#hues.clear()
    if (!this.#hues.has(root)) this.#hues.set(root, this.#hues.size % 8 + 1)
    return this.#hues.get(root)
  }

  update(model, track) {
    this.#model = model
    this.#track = track
    say(this.name, model.id)
    const loading = model.state === "loading"
    say(this.state, loading ? `loading ${percent(model.progress ?? 0)}` : model.state === "loaded" ? model.running > 0 ? "busy" : "idle" : model.state)
    this.state.className = `chip${loading ? " warn" : model.running > 0 ? " accent" : ""}`
    const memory = model.memory.reduce((sum, part) => sum + part.bytes, 0)
    say(this.facts, [memory > 0 && bytes(memory), model.context && `${count(model.context)} tokens of context`].filter(Boolean).join(" · "))
    // An engine has cells once its model is loaded.
    this.charts.hidden = model.cells.total === null
    if (!this.charts.hidden) this.#charts(model, track)
    this.#sequences(model, track)
  }

  #charts(model, track) {
    const last = track.stepSeconds
    const target = this.#target
    say(this.stepFacts, last === null ? "no step yet" : `${seconds(last)} each${target ? `, target ${seconds(target)}` : ""}`)
    this.steps.label(last === null ? "No steps yet" : `The last steps took ${seconds(last)} each`)
    this.steps.redraw()
    const { used, total, shared, groups } = model.cells
    say(this.cellFacts, total === null ? "" : `${count(used)} of ${count(total)} cells, ${percent(total > 0 ? used / total : 0)}`)
    this.cells.label(total === null ? "The KV cache is not allocated" : `${percent(total > 0 ? used / total : 0)} of the KV cache is in use, in ${groups.length} parts`)
    const idle = groups.filter(group => group.running === 0).reduce((sum, group) => sum + group.cells, 0)
    const each = total ? squares(this.cells.element.clientWidth || 320, this.cells.element.clientHeight || 100, total).each : 0
    const words = `${each}|${shared}|${idle}`
    if (this.cellKey.dataset.words !== words) {
      this.cellKey.dataset.words = words
      fill(this.cellKey, key("shared", shared > 0 ? `shared, saves ${compact(shared)}` : "shared"), key("own", "own"), key("idle", idle > 0 ? `idle ${compact(idle)}` : "idle"), key("free", "free"),
        each > 1.5 && el("span.muted", {}, `a square is ${count(each)} cells`))
    }
    this.cells.redraw()
  }

  #sequences(model, track) {
    const shown = model.sequences.slice(0, MOST_SEQUENCES)
    const kept = new Set(shown.map(sequence => sequence.id))
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue
      row.element.remove()
      this.#rows.delete(id)
    }
    shown.forEach((sequence, index) => {
      let row = this.#rows.get(sequence.id)
      if (!row) this.#rows.set(sequence.id, row = new SequenceRow())
      row.update(sequence, model, track, this.#owners)
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null)
    })
    this.sequences.hidden = shown.length === 0
    const more = Math.max(0, model.running + model.waiting - shown.length)
    say(this.rest, more > 0 ? `and ${count(more)} more` : "")
    this.rest.hidden = more === 0
  }
}

class SequenceRow {
  constructor() {
    this.owner = el("span.now-owner", { dir: "auto" })
    this.mark = el("i.now-mark")
    this.doing = el("span.now-doing")
    this.bar = el("span.now-bar", { "aria-hidden": "true" }, el("i"), el("i"), el("i"))
    this.tokens = el("span.now-tokens.number.muted")
    this.age = el("span.now-age.number.muted")
    this.element = el("li", {}, el("span.now-who", {}, this.mark, this.owner), this.doing, this.bar, this.tokens, this.age)
  }

  update(sequence, model, track, owners) {
    const owner = sequence.owner ?? `sequence ${sequence.id}`
    say(this.owner, owner)
    this.mark.style.setProperty("--hue", `var(--hue-${owners.hue(owner)})`)
    this.element.dataset.stage = sequence.stage
    const words = doing(sequence, model, track)
    say(this.doing, sequence.flex ? `${words} (flex)` : words)
    // The bar is the whole prompt: its cached part, its computed part, and the answer after it.
    const whole = Math.max(1, sequence.prompt + sequence.generated)
    const cached = Math.min(sequence.cached, sequence.prompt) / whole
    const computed = Math.max(0, Math.min(sequence.computed, sequence.prompt) / whole - cached)
    const parts = [cached, computed, sequence.stage === "waiting" ? 0 : sequence.generated / whole]
    parts.forEach((part, index) => this.bar.children[index].style.setProperty("--share", part.toFixed(3)))
    say(this.tokens, `${compact(sequence.prompt)} in${sequence.cached > 0 ? `, ${percent(Math.min(1, sequence.cached / Math.max(1, sequence.prompt)))} cached` : ""} · ${compact(sequence.generated)} out`)
    say(this.age, sequence.age < 1 ? "" : `${sequence.isOlder ? "at least " : ""}${seconds(Math.round(sequence.age))}`)
  }
}

function key(kind, words) { return el("span", {}, el(`i.now-swatch.${kind}`), words) }
