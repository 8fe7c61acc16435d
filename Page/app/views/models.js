// The models of this machine: what there is, what is in memory, and downloads from the hub.
import { api, ApiError } from "../api.js"
import { el, fill, frame } from "../dom.js"
import { bytes } from "../format.js"
import { icon } from "../icons.js"
import { settings } from "../storage.js"
import { detail } from "../models/detail.js"
import { PullList, fillSuggestions, memoryCard } from "../models/panels.js"
import { pulls } from "../models/pulls.js"
import { row, until } from "../models/row.js"
import { State } from "../models/state.js"
import { Unfinished } from "../models/unfinished.js"

const EVERY = 2000
let view = null

export async function mount(root, app) {
  await app.style("models")
  await app.style("text")
  view = new ModelsView(root, app)
  await view.start()
}

export function unmount() { view?.stop(); view = null }

export function route(path) { view?.open(path.join("/")) }

const orders = {
  name: ["Name", (one, other) => one.id.localeCompare(other.id)],
  size: ["Size", (one, other) => (other.shimmy?.size_bytes ?? 0) - (one.shimmy?.size_bytes ?? 0)],
  new: ["Newest", (one, other) => (other.created ?? 0) - (one.created ?? 0)],
}

class ModelsView {
  state = new State()
  /** The progress of loads that this page has asked for, by model. */
  loads = new Map()
  rows = new Map()
  dialog = null
  timer = null

  constructor(root, app) {
    this.app = app
    this.signal = app.signal
    this.search = el("input", { type: "search", "aria-label": "Search models", placeholder: "Search", autocomplete: "off", spellcheck: "false", oninput: () => this.draw() })
    this.order = el("select", { "aria-label": "Sort by", onchange: () => { settings.set("models-order", this.order.value); this.draw() } },
      Object.entries(orders).map(([value, [text]]) => el("option", { value }, text)))
    this.order.value = orders[settings.get("models-order")] ? settings.get("models-order") : "name"
    this.memory = el("div.slot")
    this.notice = el("div.slot")
    this.downloads = el("section.stack", { "aria-labelledby": "pulls-title", hidden: true }, el("h2#pulls-title", {}, "Downloads"), el("ul.list-card", { role: "list" }))
    this.pullList = new PullList(this.downloads.lastChild)
    this.unfinished = new Unfinished(app, () => this.refresh())
    this.items = el("ul.list-card.models", { role: "list" })
    this.otherItems = el("ul.list-card.models", { role: "list" })
    this.others = el("section.stack", { "aria-labelledby": "others-title", hidden: true }, el("h2#others-title", {}, "On other servers"), this.otherItems)
    this.found = el("p.visually-hidden", { role: "status" })
    this.suggestions = el("section.stack", { "aria-label": "Suggestions" })
    const rescan = el("button.quiet", { type: "button", onclick: () => this.rescan(rescan) }, icon("retry", 18), "Scan again")
    this.pullButton = el("button.primary", { type: "button", onclick: () => this.askPull("") }, icon("download", 18), "Pull a model")
    this.rescanButton = rescan
    fill(root, app.header("Models", rescan, this.pullButton),
      el("div.page.wide", {}, this.notice, this.memory, this.downloads, this.unfinished.element,
        el("section.stack", { "aria-labelledby": "list-title" },
          el("div.spread", {}, el("h2#list-title", {}, "On this machine"), el("div.row.filters", {}, this.search, this.order)), this.found, this.items),
        this.others, this.suggestions))
    const redraw = frame(() => this.drawPulls())
    pulls.addEventListener("change", redraw, { signal: this.signal })
    pulls.addEventListener("refused", event => { app.toast(event.detail, { kind: "bad" }); this.draw(); this.drawSuggestions() }, { signal: this.signal })
    pulls.addEventListener("done", event => this.pulled(event.detail), { signal: this.signal })
    app.shortcut("/", "Search models", () => this.search.focus())
    app.shortcut("ctrl+i", "Pull a model", () => this.askPull(""))
  }

  async start() {
    this.drawPulls()
    fill(this.items, el("li.model.waiting", {}, el("span.spinner"), el("span.muted", {}, "Reading the list of models")))
    try { await this.state.load() } catch (error) {
      if (error.aborted) return
      fill(this.items, el("li.model", {}, this.app.failure(error, () => this.start())))
      return
    }
    if (this.signal.aborted) return
    this.draw()
    this.drawSuggestions()
    if (this.state.admin) this.unfinished.load()
    this.open(this.app.path.join("/"))
    this.timer ??= setInterval(() => this.watch(), EVERY)
  }

  stop() { clearInterval(this.timer); this.timer = null; this.#closeDialog() }

  async watch() {
    if (document.hidden || this.state.admin === false || this.watching) return
    this.watching = true
    try {
      if (await this.state.watch({ signal: this.signal })) this.state.list = await this.app.models.list({ fresh: true })
      if (!this.signal.aborted) this.draw()
    } catch (error) {
      if (!error.aborted && error.status === 0) fill(this.notice, el("p.notice.warn", {}, icon("warning"), "The server cannot be reached. The list is from before."))
    } finally { this.watching = false }
  }

  // Drawing

  draw() {
    const { state } = this
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const text = model => `${model.id} ${Object.values(model.shimmy ?? {}).flat().join(" ")}`.toLowerCase()
    const shown = state.list.filter(model => words.every(word => text(model).includes(word))).sort(orders[this.order.value][1])
    const rank = { loaded: 0, loading: 0, freeing: 0, idle: 1 }
    shown.sort((one, other) => rank[state.stage(one)] - rank[state.stage(other)])
    const isOther = model => model.shimmy?.source === "upstream"
    const rows = shown.filter(model => !isOther(model)).map(model => this.#row(model))
    const others = shown.filter(isOther).map(model => this.#row(model))
    const same = (list, rows) => rows.length === list.children.length && rows.every((each, index) => each === list.children[index])
    if (rows.length === 0 || !same(this.items, rows)) this.#keepFocus(() => fill(this.items, rows, rows.length === 0 && this.#empty(words.length > 0)))
    if (!same(this.otherItems, others)) this.#keepFocus(() => fill(this.otherItems, others))
    this.others.hidden = others.length === 0
    this.found.textContent = words.length > 0 ? `${shown.length} found` : ""
    const memory = JSON.stringify([state.engine?.memory, state.engine?.waiting, state.engine?.data.map(each => [each.model, each.memory])])
    if (memory !== this.memoryLook) fill(this.memory, memoryCard(state))
    this.memoryLook = memory
    fill(this.notice, state.admin === false && el("p.notice", {}, icon("key"),
      "With this key you can see and use models. Loading, unloading and deleting them, and the memory of the machine, need a key with the role admin.",
      pulls.refused && ` Nothing can be pulled with it: ${pulls.refused}`))
    this.pullButton.hidden = pulls.refused !== null
    this.rescanButton.hidden = state.admin !== true
  }

  /** Returns the item of a model: the same element as before as long as it would look the same. */
  #row(model) {
    const { state } = this
    const facts = { stage: state.stage(model), engine: state.engineOf(model.id), progress: this.loads.get(model.id), admin: state.admin === true }
    const { engine } = facts
    const look = JSON.stringify([model.shimmy, facts.stage, facts.progress, facts.admin, engine && [Math.round((engine.progress ?? 0) * 100), engine.users, engine.pinned, until(engine)]])
    const kept = this.rows.get(model.id)
    if (kept?.look === look) return kept.element
    const element = row(model, { ...facts, act: this.#actions })
    this.rows.set(model.id, { look, element })
    return element
  }

  /** Redraws and puts the focus back on the same control of the same model. */
  #keepFocus(draw) {
    const active = document.activeElement
    const item = active?.closest(".models [data-model]")
    const [name, at] = item ? [item.dataset.model, [...item.querySelectorAll("a, button")].indexOf(active)] : []
    draw()
    if (!item) return
    const controls = document.querySelector(`.models [data-model="${CSS.escape(name)}"]`)?.querySelectorAll("a, button") ?? []
    controls[at]?.focus()
  }

  #empty(searched) {
    return el("li.empty", {}, icon("models"), el("h2", {}, searched ? "No such model" : "No models yet"),
      el("p", {}, searched ? "No model on this machine fits the search." : pulls.refused ? "The person who runs the server can add some." : "Pull one from the hub, or start the server with a folder of models. Below are some that fit this machine."))
  }

  drawPulls() {
    this.downloads.hidden = pulls.all.length === 0
    this.pullList.draw()
    this.unfinished.follow()
  }

  drawSuggestions() {
    if (pulls.refused) return fill(this.suggestions)
    const names = this.state.list.map(model => model.id.toLowerCase())
    const present = repository => names.some(name => name.includes(repository.toLowerCase()))
    fillSuggestions(this.suggestions, this.state, present, (name, facts) => this.askPull(name, facts))
  }

  // Actions

  #actions = {
    address: model => this.app.address(`models/${encodeURIComponent(model.id)}`),
    load: model => this.load(model),
    unload: model => this.unload(model),
    pin: (model, on) => this.pin(model, on),
    more: (model, button) => this.menu(model, button),
  }

  menu(model, button) {
    const { app, state } = this
    const facts = model.shimmy ?? {}
    const admin = state.admin === true
    const usable = !facts.problem && facts.source !== "upstream"
    const own = facts.source === "shimmy"
    app.menu(button, [
      { text: "Details", icon: "list", run: () => app.go(`models/${encodeURIComponent(model.id)}`) },
      usable && (facts.capabilities ?? []).includes("chat") && { text: "Chat with it", icon: "chat", run: () => { settings.set("model", model.id); app.go("chat") } },
      { text: "Connect a client", icon: "link", run: () => app.go(`help?model=${encodeURIComponent(model.id)}`) },
      admin && usable && "-",
      admin && usable && (state.engineOf(model.id)?.pinned
        ? { text: "Unpin", hint: "lets it go when its time is over or its memory is needed", icon: "pin", run: () => this.pin(model, false) }
        : { text: "Pin", hint: "loads it and keeps it until it is unpinned or unloaded", icon: "pin", run: () => this.pin(model, true) }),
      admin && usable && { text: "Keep loaded", hint: "until it is unloaded or the memory is needed", icon: "clock", run: () => this.load(model, -1) },
      admin && usable && { text: "Keep loaded for an hour", icon: "clock", run: () => this.load(model, "1h") },
      admin && usable && { text: "Keep loaded for 5 minutes", icon: "clock", run: () => this.load(model, "5m") },
      admin && "-",
      admin && { text: "Delete …", hint: own ? null : "Shimmy deletes only models of its own folder", icon: "trash", danger: true, disabled: !own, run: () => this.remove(model) },
    ])
  }

  async load(model, keepAlive) {
    if (this.loads.has(model.id)) return
    this.loads.set(model.id, 0)
    this.draw()
    try {
      const body = { model: model.id, stream: true, ...keepAlive === undefined ? {} : { keep_alive: keepAlive } }
      for await (const { event, comment, data } of api.stream("v1/models/load", { body })) {
        if (event === "comment") this.loads.set(model.id, Number(/(\d+) %$/.exec(comment ?? "")?.[1] ?? 0) / 100)
        else if (data?.error) throw new ApiError(String(data.error.message ?? data.error))
      }
      this.app.toast(keepAlive === undefined ? `${model.id} is loaded.` : `${model.id} is loaded and stays for now.`, { kind: "good" })
    } catch (error) { if (!error.aborted) this.app.toast(error.message, { kind: "bad" }) }
    this.loads.delete(model.id)
    await this.refresh()
  }

  /** Pins a model, after loading it with its progress, or ends its pin. */
  async pin(model, on) {
    if (on && this.state.stage(model) !== "loaded") {
      await this.load(model)
      if (this.state.stage(model) !== "loaded") return
    }
    try {
      await api.json(`v1/models/${on ? "pin" : "unpin"}`, { body: { model: model.id } })
      this.app.toast(on ? `${model.id} is pinned.` : `${model.id} is no longer pinned.`)
    } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    await this.refresh()
  }

  async unload(model) {
    try { await api.json("v1/models/unload", { body: { model: model.id } }) } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    await this.refresh()
  }

  async remove(model) {
    const size = model.shimmy?.size_bytes > 0 ? ` This frees ${bytes(model.shimmy.size_bytes)}.` : ""
    const sure = await this.app.confirm({ title: `Delete ${model.id}?`, text: `The model's file is deleted from this machine.${size} It can be pulled again.`, action: "Delete", danger: true })
    if (!sure) return
    try {
      await api.json("api/delete", { method: "DELETE", body: { model: model.id } })
      this.app.toast(`${model.id} is deleted.`)
    } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    await this.refresh()
  }

  async rescan(button) {
    button.disabled = true
    try {
      const { models } = await api.json("v1/models/rescan", { method: "POST" })
      this.app.toast(`The server found ${models} models and other files.`)
    } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    button.disabled = false
    await this.refresh()
  }

  async refresh() {
    if (this.signal.aborted) return this.app.models.list({ fresh: true }).catch(() => {})
    try { await this.state.load({ fresh: true }) } catch { return }
    this.draw()
  }

  async pulled(model) {
    this.app.toast(`${model} is on this machine.`, { kind: "good" })
    await this.refresh()
    this.drawSuggestions()
  }

  /** Asks for the address of a model and starts the download. */
  askPull(name, facts = null) {
    if (pulls.refused) return void this.app.toast(pulls.refused, { kind: "bad" })
    const field = el("input", { type: "text", ".value": name, autofocus: true, required: true, autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: "USER/REPO:QUANTIZATION", dir: "ltr" })
    const problem = el("p.small.problem", { role: "alert" })
    const run = () => {
      const address = field.value.trim()
      if (/^[^\s/]+\/[^\s]+$/.test(address.replace(/^https?:\/\//, ""))) return void pulls.start(address)
      problem.textContent = "This is not an address. An example: Qwen/Qwen3-4B-GGUF:Q4_K_M"
      field.setAttribute("aria-invalid", "true")
      field.focus()
      return false
    }
    this.app.dialog({
      title: "Pull a model", body: [
        el("p", {}, facts ? `${facts.title} is fetched from the Hugging Face hub: ${bytes(facts.bytes)}. It then needs about ${bytes(facts.memory)} of memory.`
          : "The server fetches a model from the Hugging Face hub. Without a quantization it takes Q4_K_M if that fits, else the best one that does."),
        el("label.field", {}, el("span", {}, "Address"), field, el("small", {}, "USER/REPO, USER/REPO:QUANTIZATION or the address of a file at the hub")), problem,
      ],
      actions: [{ text: "Cancel", value: false }, { text: "Pull", kind: "primary", submit: true, value: true, run }],
    })
  }

  /** Closes the details. The dialog tells of its end later, and must not change the address then. */
  #closeDialog() {
    const { dialog } = this
    this.dialog = null
    dialog?.close()
  }

  /** Shows the details of the model that the address names. */
  open(id) {
    this.#closeDialog()
    if (!id) return
    const model = this.state.list.find(each => each.id === id)
    if (!model) return this.app.go("models", { replace: true })
    const opened = this.app.dialog({
      title: model.id, wide: true, body: detail(model, this.state, each => this.app.models.show(each)),
      onclose: () => { if (this.dialog === opened) { this.dialog = null; this.app.go("models", { replace: true }) } },
    })
    this.dialog = opened
  }
}
