// The key of this page, for its holder: what it allows, what remains, and its own usage.
import { api } from "../api.js"
import { el, fill } from "../dom.js"
import { ago, count, day, seconds } from "../format.js"
import { icon } from "../icons.js"
import { limits } from "./form.js"
import { Report } from "./report.js"

const EVERY = 10_000

export class OwnKey {
  #timer = null

  constructor(app) {
    this.app = app
    this.body = el("div.card.stack")
    this.report = new Report(app, { path: "v1/key/usage", groups: ["model", "user_id"] })
    this.element = el("div.slot.stack", {}, el("section.stack", { "aria-labelledby": "own-title" }, el("h2#own-title", {}, "Your key"), this.body), this.report.element)
    app.signal.addEventListener("abort", () => clearTimeout(this.#timer))
  }

  async load() {
    await Promise.all([this.#read(), this.report.load()])
  }

  async #read() {
    clearTimeout(this.#timer)
    try { this.#draw(await api.json("v1/key", { signal: this.app.signal })) } catch (error) {
      if (error.aborted) return
      return void fill(this.body, this.app.failure(error, () => this.#read()))
    }
    // What remains grows again by itself. A page that nobody sees asks for nothing.
    this.#timer = setTimeout(() => document.hidden ? this.#later() : this.#read(), EVERY)
  }

  #later() {
    document.addEventListener("visibilitychange", () => this.#read(), { once: true, signal: this.app.signal })
  }

  #draw(key) {
    const models = Array.isArray(key.models) ? key.models : []
    const rows = limits.filter(([field]) => key.limits?.[field] > 0)
    fill(this.body,
      el("dl.facts", {},
        key.name && [el("dt", {}, "Name"), el("dd", { dir: "auto" }, key.name)],
        el("dt", {}, "Models"), el("dd", { dir: "auto" }, models.length > 0 ? models.join(", ") : "all"),
        key.weight !== 1 && [el("dt", {}, "Weight"), el("dd", {}, String(key.weight))],
        key.created_at > 0 && [el("dt", {}, "Created"), el("dd", {}, ago(key.created_at))],
        key.expires_at > 0 && [el("dt", {}, "Valid until"), el("dd", {}, day(key.expires_at))]),
      rows.length === 0 ? el("p.small.muted", {}, "This key has no limits.")
        : el("ul.remaining", { role: "list", "aria-label": "Limits" }, rows.map(([field, text]) => this.#limit(field, text, key))))
  }

  #limit(field, text, key) {
    const limit = key.limits[field]
    const rest = key.remaining?.[field]
    if (typeof rest !== "number") return el("li", { dataset: { limit: field } }, el("span", {}, text), el("b.number", {}, `at most ${count(limit)}`))
    const reset = key.reset_seconds?.[field]
    return el("li", { dataset: { limit: field } }, el("span", {}, text),
      el("b.number", {}, `${count(rest)} of ${count(limit)} left`),
      el("div.meter", { role: "meter", "aria-label": `${text}: left`, "aria-valuemin": "0", "aria-valuemax": String(limit), "aria-valuenow": String(rest), style: { "--share": rest / limit, "--meter": rest === 0 ? "var(--bad)" : rest < limit / 5 ? "var(--warn)" : "var(--good)" } }),
      rest === 0 && el("span.small.bad", {}, icon("warning", 14), " Used up"),
      reset > 0 && el("span.small.muted", {}, `all of it again in ${seconds(reset)}`))
  }
}
