// The parts of the view around the list: memory, downloads, suggestions, and the dialog for a download.
import { el, fill } from "../dom.js"
import { bytes, percent, seconds } from "../format.js"
import { icon } from "../icons.js"
import { memoryBar } from "./bar.js"
import { pulls, speed } from "./pulls.js"
import { memoryParts } from "./state.js"

/** Returns the card with the memory of all models. */
export function memoryCard(state) {
  const memory = state.engine?.memory
  if (!memory) return null
  const parts = state.engine.data.map(each => [each.model, memoryParts(each, each).reduce((sum, [, size]) => sum + size, 0)])
  return el("section.card.stack", { "aria-labelledby": "memory-title" },
    el("div.spread", {}, el("h2#memory-title", {}, "Memory"),
      el("p.number.muted", {}, el("b", {}, bytes(memory.used)), ` of ${bytes(memory.budget)}`)),
    memoryBar(parts, memory.budget, "Memory of models"),
    parts.length === 0 && el("p.small.muted", {}, "No model is loaded. A model is loaded by the first request for it, or here."),
    state.engine.waiting > 0 && el("p.small.notice.warn", {}, `${state.engine.waiting === 1 ? "One request waits" : `${state.engine.waiting} requests wait`} for a model or for memory.`))
}

const states = { starting: "Asking the hub", downloading: "Downloading", verifying: "Checking the file", paused: "Paused", failed: "Stopped by an error" }

/** The list of downloads. A control stays the same element while its download runs, so that a click is never lost. */
export class PullList {
  #items = new Map()

  constructor(list) { this.list = list }

  draw() {
    const active = this.list.contains(document.activeElement) ? document.activeElement.closest("[data-pull]").dataset.pull : null
    const before = this.#items
    this.#items = new Map(pulls.all.map(pull => {
      const shape = `${Boolean(pull.control)} ${pull.error?.message ?? ""}`
      const kept = before.get(pull.name)
      const item = kept?.shape === shape ? kept : { shape, ...pullItem(pull) }
      item.update(pull)
      return [pull.name, item]
    }))
    const elements = [...this.#items.values()].map(item => item.element)
    if (elements.length === this.list.children.length && elements.every((element, index) => element === this.list.children[index])) return
    fill(this.list, elements)
    if (active) this.#items.get(active)?.element.querySelector("button")?.focus()
  }
}

function pullItem(pull) {
  const meter = el("div.meter", { role: "progressbar", "aria-label": `Download of ${pull.name}`, "aria-valuemin": "0", "aria-valuemax": "100" })
  const line = el("p.small.muted.number")
  const main = pull.control
    ? el("button.small", { type: "button", "aria-label": `Pause ${pull.name}`, onclick: () => pulls.pause(pull.name) }, icon("pause", 16), "Pause")
    : el("button.small.primary", { type: "button", "aria-label": `Resume ${pull.name}`, onclick: () => pulls.start(pull.name) }, icon("download", 16), "Resume")
  const element = el("li.pull", { dataset: { pull: pull.name } },
    el("div.spread", {}, el("h3", { dir: "auto" }, pull.name),
      el("div.row", {}, main, el("button.small.quiet", { type: "button", "aria-label": `Cancel ${pull.name}`, onclick: () => pulls.forget(pull.name) }, "Cancel"))),
    meter, line, pull.error && el("p.small.problem", { role: "alert", dir: "auto" }, pull.error.message))
  const update = ({ state, completed, total, control, samples }) => {
    const share = total > 0 ? Math.min(1, completed / total) : 0
    const pace = control && state === "downloading" ? speed({ samples }) : null
    meter.style.setProperty("--share", share)
    meter.setAttribute("aria-valuenow", Math.round(share * 100))
    line.textContent = [states[state] ?? state, total > 0 && `${bytes(completed)} of ${bytes(total)}`, total > 0 && percent(share),
      pace !== null && `${bytes(pace)}/s`, pace > 0 && `${seconds((total - completed) / pace)} left`].filter(Boolean).join(" · ")
  }
  return { element, update }
}

/** Returns [kind, text] for a model of this size in memory. Half of the budget leaves room for a second model. */
export function fit(memory, budget) {
  if (!(budget > 0)) return null
  if (memory > budget) return ["bad", "Too large for this machine"]
  return memory <= budget / 2 ? ["good", "Fits well"] : ["warn", "Fits, and leaves little room"]
}

let list = null
const suggestions = () => list ??= fetch(new URL("../data/suggestions.json", import.meta.url)).then(answer => answer.ok ? answer.json() : Promise.reject(new Error("The list of suggestions cannot be loaded.")))
  .catch(error => { list = null; throw error })

const uses = { chat: "Chat", code: "Code", search: "Search" }

/** Fills the section of suggestions: those that fit, the largest first, and the others on request. */
export async function fillSuggestions(section, state, present, ask) {
  let data
  try { data = await suggestions() } catch (error) { return fill(section, el("p.muted", {}, error.message)) }
  const budget = state.engine?.memory?.budget ?? 0
  const rated = data.models.filter(each => !present(each.repository)).map(each => ({ ...each, fit: fit(each.memory, budget) }))
  const order = { good: 0, warn: 1, bad: 2 }
  rated.sort((one, other) => (order[one.fit?.[0]] ?? 0) - (order[other.fit?.[0]] ?? 0) || (budget > 0 ? other.memory - one.memory : one.memory - other.memory))
  const all = el("ul.grid.suggestions", { role: "list" }, rated.map(each => el("li.card.suggestion", { dataset: { fit: each.fit?.[0] ?? "unknown", repository: each.repository } },
    el("div.spread", {}, el("h3", {}, each.title), el("span.chip", {}, uses[each.use] ?? each.use)),
    el("p.small", {}, each.about),
    el("p.small.muted.mono.repository", { dir: "ltr" }, each.repository),
    el("div.spread", {}, el("p.small.muted.number", {}, `${bytes(each.bytes)} · ${each.quantization}`, el("br"), each.fit ? el(`span.fit.${each.fit[0]}`, {}, each.fit[1]) : `${bytes(each.memory)} of memory`),
      el("button.small", { type: "button", "aria-label": `Pull ${each.title}`, onclick: () => ask(`${each.repository}:${each.quantization}`, each) }, icon("download", 16), "Pull …")))))
  const hidden = rated.filter((each, index) => index >= 6 || each.fit?.[0] === "bad").length
  if (hidden > 0) all.classList.add("short")
  const button = hidden > 0 && el("button.quiet", { type: "button", onclick: () => { all.classList.remove("short"); button.remove() } }, icon("down", 18), `Show all ${rated.length}`)
  fill(section, el("div", {}, el("h2#suggestions-title", {}, budget > 0 ? "Models that fit this machine" : "Models to begin with"),
    el("p.small.muted", {}, `A list of known repositories of ${data.date}. Sizes are approximate. Nothing is fetched before you agree.`)), all, button)
}
