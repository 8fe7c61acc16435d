import { el, fill } from "../dom.js"
import { compact, count, day, language, percent, seconds } from "../format.js"
import { icon } from "../icons.js"
import { settings } from "../storage.js"
import { SERIES, dayTable, hue, stackedBars } from "./chart.js"
import { groups, measures, usage } from "./usage.js"

const ranges = { 7: "7 days", 30: "30 days", 90: "90 days", 365: "a year" }
const write = { tokens: count, requests: count, errors: count, compute: seconds }
const brief = { tokens: compact, requests: compact, errors: compact, compute: seconds }

/** The section about usage: choices, sums, a chart and tables. */
export class Report {
  data = null
  names = new Map()

  /** `path` is that of the reports, and `choices` are the names of groups. By default, they are those of all keys. */
  constructor(app, { path, groups: choices = Object.keys(groups) } = {}) {
    this.app = app
    this.path = path
    const choice = (name, label, values, otherwise) => {
      const select = el("select", { "aria-label": label, onchange: () => { settings.set(`usage-${name}`, select.value); name === "measure" ? this.draw() : this.load() } },
        Object.entries(values).map(([value, text]) => el("option", { value }, text.text ?? text)))
      const kept = String(settings.get(`usage-${name}`, otherwise))
      select.value = values[kept] ? kept : otherwise
      return select
    }
    this.range = choice("range", "Days", ranges, "30")
    this.group = choice("group", "Group by", Object.fromEntries(choices.map(value => [value, `By ${groups[value].toLowerCase()}`])), "model")
    this.measure = choice("measure", "Measure", measures, "tokens")
    this.body = el("div.stack.report", { "aria-busy": "true" })
    this.element = el("section.stack", { "aria-labelledby": "usage-title" },
      el("div.spread", {}, el("h2#usage-title", {}, "Usage"), el("div.row.choices", {}, this.measure, this.group, this.range)), this.body)
    let width = 0
    const observer = new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) < 8) return
      width = entry.contentRect.width
      requestAnimationFrame(() => this.draw())
    })
    observer.observe(this.element)
    app.signal.addEventListener("abort", () => observer.disconnect())
  }

  async load() {
    this.body.setAttribute("aria-busy", "true")
    if (!this.data) fill(this.body, el("div.empty", {}, el("span.spinner"), el("span.visually-hidden", {}, "Loading")))
    const turn = this.turn = {}
    try {
      const data = await usage(Number(this.range.value), this.group.value, this.app.signal, this.path)
      if (turn !== this.turn) return
      this.data = { ...data, group: this.group.value }
      this.draw()
    } catch (error) {
      if (error.aborted || turn !== this.turn) return
      if (error.status === 403) return void this.element.remove()
      fill(this.body, this.app.failure(error, () => this.load()))
    } finally { this.body.setAttribute("aria-busy", "false") }
  }

  /** Sets the names of keys by their IDs. */
  name(keys) {
    this.names = new Map(keys.map(key => [key.id, key.name]))
    this.draw()
  }

  #named(group, name) {
    if (group === "api_key_id") return name === "everybody" ? "No key" : this.names.get(name) ?? (name || "Unknown")
    return name || (group === "user_id" ? "No user named" : "Unknown")
  }

  draw() {
    const { data } = this
    if (!data || this.app.signal.aborted) return
    const measure = this.measure.value
    const { of, text } = measures[measure]
    const show = write[measure]
    const sorted = [...data.groups].filter(([, sums]) => sums.requests > 0 || of(sums) > 0).sort((one, other) => of(other[1]) - of(one[1]))
    if (sorted.length === 0) {
      return void fill(this.body, el("div.card.empty", {}, icon("pulse"), el("h2", {}, "No requests in this time"),
        el("p", {}, "The server counts requests, tokens and computing time of each key, model and day. Send a request, or choose a longer time.")))
    }
    const names = sorted.slice(0, sorted.length > SERIES + 1 ? SERIES : SERIES + 1).map(([name]) => name)
    const rest = sorted.length - names.length
    const series = names.map(name => ({ name: this.#named(data.group, name) }))
    if (rest > 0) series.push({ name: `${rest} others`, other: true })
    const days = data.days.map(each => {
      const values = names.map(name => each.groups.has(name) ? of(each.groups.get(name)) : 0)
      if (rest > 0) values.push(Math.max(0, of(each.sums) - values.reduce((sum, value) => sum + value, 0)))
      const date = new Date(each.start * 1000)
      return { label: day(new Date(each.start * 1000 + date.getTimezoneOffset() * 60000)), short: date.toLocaleDateString(language, { day: "numeric", month: "short", timeZone: "UTC" }), values, hues: values.map((_, index) => hue(index, series)) }
    })
    const title = `${text} by ${groups[data.group].toLowerCase()} and day`
    const isOpen = this.body.querySelector("details.numbers")?.open ?? false
    const width = Math.max(220, Math.round(this.element.clientWidth - 2 - 48))
    const about = { title, days, series, show: brief[measure], width }
    fill(this.body, this.#tiles(data.sums),
      el("div.card.stack", {}, el("h3", {}, title), stackedBars(about),
        el("details.numbers", { open: isOpen }, el("summary", {}, "The numbers as a table"), dayTable({ ...about, show }))),
      this.#table(data, sorted, of, measure))
  }

  #tiles(sums) {
    const tile = (name, value, hint) => el("div.tile", {}, el("dt", {}, name), el("dd", {}, el("b.number", {}, value), hint && el("small", {}, hint)))
    return el("dl.tiles", {},
      tile("Requests", compact(sums.requests), sums.errors > 0 ? `${count(sums.errors)} with errors` : "no errors"),
      tile("Prompt tokens", compact(sums.input), sums.input > 0 && `${percent(sums.cached / sums.input)} cached`),
      tile("Answer tokens", compact(sums.output), sums.reasoning > 0 && `${percent(sums.reasoning / sums.output)} reasoning`),
      tile("Computing time", seconds(sums.compute), sums.compute > 0 && `${compact(sums.output / sums.compute)} answer tokens/s`))
  }

  #table(data, sorted, of, measure) {
    const all = sorted.reduce((sum, [, sums]) => sum + of(sums), 0)
    const title = groups[data.group]
    const shown = sorted.slice(0, 200)
    return el("div.card.flush.scroll", { tabindex: "0", role: "region", "aria-label": `Usage by ${title.toLowerCase()}` }, el("table.usage", {},
      el("caption.visually-hidden", {}, `Usage by ${title.toLowerCase()}`),
      el("thead", {}, el("tr", {}, [title, "Share", "Requests", "Errors", "Prompt", "Cached", "Answer", "Computing"].map((name, index) => el(`th${index > 1 ? ".number" : ""}`, { scope: "col" }, name)))),
      el("tbody", {}, shown.map(([name, sums], index) => el("tr", {}, el("th", { scope: "row", dir: "auto" }, this.#named(data.group, name)),
        el("td", {}, el("span.share", { title: `${percent(all > 0 ? of(sums) / all : 0)} of ${measures[measure].text.toLowerCase()}` },
          el("span.meter", { style: { "--share": all > 0 ? of(sums) / all : 0, "--meter": index < SERIES ? `var(--hue-${index % 8 + 1})` : "var(--edge)" } }), el("span.number", {}, percent(all > 0 ? of(sums) / all : 0)))),
        [count(sums.requests), count(sums.errors), count(sums.input), count(sums.cached), count(sums.output), seconds(sums.compute)].map(text => el("td.number", {}, text))))),
      sorted.length > shown.length && el("tfoot", {}, el("tr", {}, el("td", { colspan: "8" }, `and ${sorted.length - shown.length} more`)))))
  }
}
