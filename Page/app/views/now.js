// A live picture of the engine: who runs, who waits, and why.
import { el, fill } from "../dom.js"
import { bytes, count, percent, rate, seconds } from "../format.js"
import { icon } from "../icons.js"
import { Chart, Palette, line } from "../now/charts.js"
import { explain } from "../now/explain.js"
import { ModelPart, say } from "../now/model.js"
import { Sightings, Track, serverState } from "../now/state.js"
import { Updates } from "../updates.js"

const icons = { bad: "warning", warn: "clock", note: "pulse", good: "check" }

export async function mount(root, app) {
  await app.style("now")
  const view = new NowView(root, app)
  const updates = new Updates(app, data => view.receive(data), status => view.status(status))
  view.pause.addEventListener("click", () => { updates.paused = !updates.paused })
  app.shortcut("p", "Pause or resume", () => { updates.paused = !updates.paused })
}

class NowView {
  #tracks = new Map()
  #parts = new Map()
  #sightings = new Sightings()
  #totals = []
  #sent = []
  #waits = []
  #words = ""
  #hues = new Map()

  constructor(root, app) {
    this.app = app
    this.palette = new Palette(root, app.signal, () => this.redraw())
    this.live = el("span.chip", { role: "status" }, "connecting")
    this.pause = el("button.small", { type: "button" }, icon("pause", 16), el("span", {}, "Pause"))
    this.speed = this.lined("Tokens/s", () => this.#totals)
    this.first = this.lined("First token", () => this.#waits)
    this.sequences = figure("Sequences")
    this.memory = figure("Memory")
    this.meter = el("div.meter", { "aria-hidden": "true" })
    this.memory.element.append(this.meter)
    this.sentences = el("ul.now-sentences")
    this.models = el("div.stack")
    this.devices = el("section.card.stack", { hidden: true })
    this.upstreams = el("section.card.stack", { hidden: true })
    this.limits = el("section.card.stack", { hidden: true })
    this.page = el("section.page.wide.now", {},
      el("div.now-figures", {}, this.speed.element, this.first.element, this.sequences.element, this.memory.element),
      el("section.card.now-why", { "aria-label": "What happens now" }, this.sentences),
      this.models,
      el("div.now-rest", {}, this.devices, this.upstreams, this.limits))
    root.append(app.header("Now", this.live, this.pause), this.page)
    this.page.hidden = true
    this.waiting = el("div.empty", {}, el("span.spinner"), el("p", {}, "Waiting for the engine."))
    root.append(this.waiting)
  }

  /** A figure with a line of its recent values. */
  lined(title, source) {
    const part = figure(title)
    part.chart = new Chart(this.palette, "now-line", (context, width, height, colours) => line(context, width, height, source(), colours.accent))
    part.element.append(part.chart.element)
    return part
  }

  /** The hue of an owner, given in the order in which owners appear. */
  hue(owner) {
    if (this.#hues.size > 512) this.#hues.clear()
    if (!this.#hues.has(owner)) this.#hues.set(owner, this.#hues.size % 8 + 1)
    return this.#hues.get(owner)
  }

  status(status) {
    if (typeof status !== "string") return this.#fail(status)
    const words = { live: "live", paused: "paused", lost: "connecting again" }[status]
    say(this.live, words)
    this.live.className = `chip ${{ live: "good", paused: "", lost: "warn" }[status]}`
    const paused = status === "paused"
    say(this.pause.lastChild, paused ? "Resume" : "Pause")
    if (this.pause.dataset.paused !== String(paused)) {
      this.pause.dataset.paused = paused
      this.pause.firstChild.replaceWith(icon(paused ? "play" : "pause", 16))
    }
    this.page.classList.toggle("stale", status === "lost")
  }

  #fail(error) {
    this.live.remove()
    this.pause.remove()
    this.page.hidden = true
    const forbidden = error.status === 401 || error.status === 403
    fill(this.waiting, icon(forbidden ? "key" : "warning"), el("h2", {}, forbidden ? "This needs an admin's key" : "There is nothing to show"),
      el("p", {}, forbidden ? "The engine's state names other people's keys, so only admins see it." : error.message),
      forbidden && el("button.primary", { type: "button", onclick: async () => { if (await this.app.key.ask("An admin's key shows the engine.")) this.app.go("now?again") } }, "Enter a key"))
    this.waiting.hidden = false
  }

  receive(data) {
    const state = serverState(data)
    const { time } = state
    for (const model of state.models) {
      if (!this.#tracks.has(model.id)) this.#tracks.set(model.id, new Track())
      this.#tracks.get(model.id).add(model, time)
    }
    this.#sightings.update(state.models, time)
    this.#figures(state)
    this.#why(state)
    this.#show(state)
    this.#rest(state)
    this.waiting.hidden = true
    this.page.hidden = false
  }

  #figures(state) {
    const speeds = state.models.map(model => this.#tracks.get(model.id).rate("tokens")).filter(value => value !== null)
    const total = speeds.reduce((sum, value) => sum + value, 0)
    this.#totals = [...this.#totals.slice(-119), total]
    this.speed.set(rate(total), `highest ${rate(Math.max(...this.#totals))}`)
    this.speed.chart.label(`Tokens per second of the last minutes, now ${rate(total)}`)
    this.speed.chart.redraw()
    // Times of the server are exact; those that the page saw itself have the grain of its updates.
    this.#sent = [...this.#sent, ...state.firsts].slice(-120)
    this.#waits = this.#sent.length > 0 ? this.#sent : this.#sightings.firsts
    const sorted = [...this.#waits].sort((one, other) => one - other)
    const quantile = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
    this.first.set(sorted.length > 0 ? seconds(quantile(0.5)) : "–", sorted.length > 0 ? `95 % within ${seconds(quantile(0.95))}` : "no answer yet")
    this.first.chart.label("Seconds until the first token of the last answers")
    this.first.chart.redraw()
    const running = state.models.reduce((sum, model) => sum + model.running, 0)
    const waiting = state.models.reduce((sum, model) => sum + model.waiting, state.waiting)
    const limit = state.models.reduce((sum, model) => sum + (model.runningLimit ?? 0), 0)
    this.sequences.set(count(running), `running${limit > 0 ? ` of ${count(limit)}` : ""}, ${count(waiting)} waiting`)
    const { used, budget } = state.memory
    this.memory.set(bytes(used), budget ? `of ${bytes(budget)}, ${percent(used / budget)}` : "")
    this.meter.style.setProperty("--share", budget ? Math.min(1, used / budget).toFixed(3) : 0)
  }

  #why(state) {
    const sentences = explain(state, this.#tracks)
    const words = JSON.stringify(sentences)
    if (words === this.#words) return
    this.#words = words
    fill(this.sentences, sentences.map(({ kind, text }) => el("li", { dataset: { kind } }, icon(icons[kind]), el("span", { dir: "auto" }, text))))
  }

  #show(state) {
    const present = new Set(state.models.map(model => model.id))
    for (const [id, part] of this.#parts) {
      if (present.has(id)) continue
      part.element.remove()
      this.#parts.delete(id)
      this.#tracks.delete(id)
    }
    for (const model of state.models) {
      let part = this.#parts.get(model.id)
      if (!part) {
        this.#parts.set(model.id, part = new ModelPart(this.palette, this))
        this.models.append(part.element)
      }
      part.update(model, this.#tracks.get(model.id))
    }
    this.models.hidden = this.#parts.size === 0
  }

  #rest(state) {
    memory(this.devices, state)
    upstreams(this.upstreams, state.upstreams)
    limits(this.limits, state.server)
  }

  redraw() {
    for (const chart of [this.speed, this.first]) chart.chart.redraw()
    for (const part of this.#parts.values()) { part.steps.redraw(); part.cells.redraw() }
  }
}

function figure(title) {
  const value = el("strong.number")
  const note = el("span.muted.small.number")
  return { element: el("section.card.now-figure", {}, el("h2", {}, title), value, note), set(text, words) { say(value, text); say(note, words) } }
}

/** Replaces the content only if the words in it changed. */
function renew(element, words, content) {
  if (element.dataset.words === words) return
  element.dataset.words = words
  fill(element, content())
}

const kinds = { weights: ["weights", 1], kv: ["KV cache", 2], compute: ["computing", 3], grammars: ["grammars", 4] }

function memory(element, state) {
  const models = state.models.filter(model => model.memory.some(part => part.bytes > 0))
  element.hidden = models.length === 0
  if (element.hidden) return
  const most = Math.max(...models.map(model => model.memory.reduce((sum, part) => sum + part.bytes, 0)))
  renew(element, JSON.stringify([models.map(model => [model.id, model.memory, model.devices])]), () => [
    el("h2", {}, "Memory"),
    models.map(model => el("div.now-memory", {}, el("div.spread", {}, el("span", { dir: "auto" }, model.id), el("span.number.muted", {}, bytes(model.memory.reduce((sum, part) => sum + part.bytes, 0)))),
      el("div.now-stack", { "aria-hidden": "true" }, model.memory.filter(part => part.bytes > 0).map(part => el("i", { style: { "--share": part.bytes / most, "--hue": `var(--hue-${kinds[part.name][1]})` } }))),
      el("p.now-key.small", {}, model.memory.filter(part => part.bytes > 0).map(part => el("span", {}, el("i.now-swatch", { style: { "--hue": `var(--hue-${kinds[part.name][1]})` } }), `${kinds[part.name][0]} ${bytes(part.bytes)}`))),
      model.devices.length > 0 && el("p.small.muted", {}, model.devices.map(device => `${device.name} ${bytes(device.bytes)}`).join(" · ")))),
  ])
}

function upstreams(element, list) {
  element.hidden = list.length === 0
  if (element.hidden) return
  renew(element, JSON.stringify(list), () => [el("h2", {}, "Upstreams"), el("ul.now-plain", {}, list.map(each => {
    const healthy = each.healthy === true ? ["good", "healthy"] : each.healthy === false ? ["bad", "does not answer"] : ["", "unknown"]
    return el("li.spread", {}, el("span", { dir: "auto" }, each.name), el("span.row", {},
      el("span.small.muted.number", {}, `${count(each.running ?? 0)} running`), el(`span.chip${healthy[0] && `.${healthy[0]}`}`, {}, healthy[1])))
  }))])
}

function limits(element, server) {
  const rows = [
    ["Requests in flight", server?.requests?.in_flight, server?.requests?.limit], ["Connections", server?.connections?.open, server?.connections?.limit],
    ["Threads for input", server?.workers?.running, server?.workers?.threads], ["Bodies in memory", server?.bodies?.bytes, server?.bodies?.limit, bytes],
    ["Stored objects", server?.storage?.bytes, server?.storage?.limit, bytes], ["Prefixes on disk", server?.prefix_cache?.bytes, server?.prefix_cache?.limit, bytes],
    ["Background responses", server?.background?.running, server?.background?.running_limit],
  ].filter(([, used]) => typeof used === "number")
  element.hidden = rows.length === 0
  if (element.hidden) return
  renew(element, JSON.stringify(rows), () => [el("h2", {}, "Limits"), el("ul.now-plain", {}, rows.map(([name, used, limit, form = count]) =>
    el("li.spread", {}, el("span", {}, name), el("span.number.muted", {}, `${form(used)}${limit ? ` of ${form(limit)}` : ""}`))))])
}
