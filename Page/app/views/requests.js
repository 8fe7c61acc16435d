// The last requests, and one of them in detail.
import { el, fill } from "../dom.js"
import { compact, count, percent, seconds } from "../format.js"
import { icon } from "../icons.js"
import { detail, end, endWords } from "../requests/detail.js"
import { isAnswer, parts, record, titles } from "../requests/record.js"
import { Updates } from "../updates.js"

const MOST = 500
let view = null

export async function mount(root, app) {
  await app.style("requests")
  view = new RequestsView(root, app)
  await view.open(app.path, true)
}

export function route(path) { return view?.open(path, false) }

export function unmount() { view = null }

class RequestsView {
  #all = []
  #rows = new Map()
  #updates = null
  #id = null
  #last = null
  #mayMiss = false

  constructor(root, app) {
    this.app = app
    this.root = root
    this.filter = el("input", { type: "search", placeholder: "Model, key, address, route, end …", "aria-label": "Filter", ".value": app.query.get("q") ?? "", oninput: () => this.#show() })
    this.kind = el("select", { "aria-label": "Which requests", onchange: () => this.#show() },
      [["answers", "Answers"], ["failed", "Failed"], ["slow", "Slow to begin"], ["all", "All"]].map(([value, text]) => el("option", { value }, text)))
    this.live = el("span.chip", { role: "status" }, "connecting")
    this.found = el("p.small.muted", { role: "status" })
    this.list = el("ul.requests")
    this.empty = el("div")
    this.header = app.header("Requests", this.live)
    this.page = el("section.page.wide.requests-page", {}, el("div.row.requests-filter", {}, this.filter, this.kind, this.found,
      el("p.requests-key.small.muted", {}, ["queue", "prefill", "decode"].map(name => el("span", {}, el(`i.swatch.${name}`), titles[name].toLowerCase())))), this.list, this.empty)
    this.place = el("section.page.wide.requests-page")
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.#mayMiss = true }, { signal: app.signal })
    app.shortcut("/", "Filter the requests", () => this.filter.focus())
    app.shortcut("j", "Next request", () => this.#step(1))
    app.shortcut("k", "Previous request", () => this.#step(-1))
    app.shortcut("u", "Back to the list", () => { if (this.#id !== null) app.go("requests") })
  }

  async open(path, isFirst) {
    this.#id = path[0] ?? null
    if (this.#id !== null) return this.#one(this.#id)
    fill(this.root, this.header, this.page)
    this.app.title("Requests")
    if (this.#updates === null) await this.#load()
    else this.#show()
    // The keyboard goes on where it was.
    if (!isFirst && this.#last !== null) this.list.querySelector(`a[data-id="${CSS.escape(this.#last)}"]`)?.focus()
  }

  // MARK: The list

  /** Loads the list, then follows the requests that end. */
  async #load() {
    try {
      const answer = await this.app.api.json("admin/requests", { signal: this.app.signal, query: { limit: MOST } })
      this.#all = (Array.isArray(answer?.data) ? answer.data : []).slice(0, MOST).map(record)
      this.#show()
      this.#updates ??= new Updates(this.app, data => this.#receive(data), status => this.#status(status))
    } catch (error) {
      if (!error.aborted) this.#fail(error)
    }
  }

  #receive(data) {
    if (data.missed_requests > 0) return this.#load()
    const known = new Set(this.#all.slice(0, MOST).map(one => one.number))
    const fresh = (Array.isArray(data.requests) ? data.requests : []).map(record).filter(one => !known.has(one.number))
    if (fresh.length === 0) return
    this.#all = [...fresh.sort((one, other) => other.number - one.number), ...this.#all].slice(0, MOST)
    if (this.#id === null) this.#show()
  }

  #status(status) {
    const words = typeof status === "string" ? { live: "live", paused: "paused", lost: "connecting again" }[status] : "not live"
    if (this.live.textContent !== words) this.live.textContent = words
    this.live.className = `chip${status === "live" ? " good" : status === "lost" ? " warn" : ""}`
    // Requests can have ended without a connection, or while the page was hidden.
    if (status === "lost") this.#mayMiss = true
    else if (status === "live" && this.#mayMiss) { this.#mayMiss = false; this.#load() }
  }

  #fail(error) {
    const forbidden = error.status === 401 || error.status === 403
    const again = () => { this.empty.dataset.state = ""; this.open([], false) }
    this.list.hidden = true
    this.live.hidden = true
    fill(this.empty, forbidden ? el("div.empty", {}, icon("key"), el("h2", {}, "This needs an admin's key"), el("p", {}, "Requests belong to other people, so only admins see them."),
      el("button.primary", { type: "button", onclick: async () => { if (await this.app.key.ask("An admin's key shows the requests.")) { this.live.hidden = false; again() } } }, "Enter a key"))
      : error.status === 404 ? el("div.empty", {}, icon("list"), el("h2", {}, "This server keeps no list of requests"), el("p", {}, error.message)) : this.app.failure(error, again))
  }

  #matches(one) {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean)
    const whole = [one.model, one.client, one.key, one.path, one.api, one.end, endWords(one), one.error, one.id, one.status].join(" ").toLowerCase()
    if (!words.every(word => whole.includes(word))) return false
    if (this.kind.value === "answers") return isAnswer(one)
    if (this.kind.value === "failed") return one.status >= 400 || one.end === "error" || one.end === "disconnect"
    if (this.kind.value === "slow") return isAnswer(one) && (one.first ?? one.total ?? 0) >= 1
    return true
  }

  #show() {
    const shown = this.#all.filter(one => this.#matches(one))
    const most = shown.reduce((longest, one) => Math.max(longest, one.total ?? 0), 0.001)
    const kept = new Set(shown.map(one => one.number))
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue
      row.element.remove()
      this.#rows.delete(id)
    }
    shown.forEach((one, index) => {
      let row = this.#rows.get(one.number)
      if (!row) this.#rows.set(one.number, row = new Row(this.app))
      row.update(one, most)
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null)
    })
    this.list.hidden = shown.length === 0
    const words = shown.length === this.#all.length ? `${count(shown.length)} requests` : `${count(shown.length)} of ${count(this.#all.length)} requests`
    if (this.found.textContent !== words) this.found.textContent = words
    const state = shown.length > 0 ? "" : this.#all.length === 0 ? "none" : "filtered"
    if (this.empty.dataset.state === state && state !== "") return
    this.empty.dataset.state = state
    fill(this.empty, state === "none" && el("div.empty", {}, icon("list"), el("h2", {}, "No requests yet"), el("p", {}, "Requests appear here with their times and tokens when they end.")),
      state === "filtered" && el("div.empty", {}, el("p", {}, "No request matches the filter.")))
  }

  // MARK: One request

  async #one(id) {
    this.#last = id
    this.app.title(`Request ${id}`)
    const known = this.#all.find(one => one.id === id)
    const back = el("a.button.requests-back", { href: this.app.address("requests") }, icon("back", 16), "All requests")
    const header = words => el("header.view-header", {}, el("h1", { tabindex: "-1", dir: "auto" }, words), el("div.row", {}, back))
    fill(this.place, el("div.empty", {}, el("span.spinner"), el("span.visually-hidden", {}, "Loading")))
    fill(this.root, header(known?.model ?? "Request"), this.place)
    try {
      const source = await this.app.api.json(`admin/requests/${encodeURIComponent(id)}`, { signal: this.app.signal })
      if (this.#id !== id) return
      fill(this.root, header(record(source).model ?? "Request"), fill(this.place, detail(source, this.app)))
      this.root.scrollTop = 0
      this.root.querySelector("h1").focus({ preventScroll: true })
    } catch (error) {
      if (error.aborted || this.#id !== id) return
      fill(this.place, error.status === 404 ? el("div.empty", {}, icon("list"), el("h2", {}, "This request is not kept any more"), el("p", {}, "The server keeps the last requests only.")) : this.app.failure(error, () => this.#one(id)))
    }
  }

  /** Goes to a neighbour: of the row that has the focus, or of the request that is shown. */
  #step(by) {
    const links = [...this.list.querySelectorAll("a.request")]
    if (links.length === 0) return
    if (this.#id !== null) {
      const index = links.findIndex(link => link.dataset.id === this.#id) + by
      if (links[index]) this.app.go(`requests/${encodeURIComponent(links[index].dataset.id)}`)
      return
    }
    const index = links.indexOf(document.activeElement)
    links[Math.min(links.length - 1, Math.max(0, index < 0 ? 0 : index + by))].focus()
  }
}

class Row {
  #words = ""

  constructor(app) {
    this.app = app
    this.link = el("a.request")
    this.element = el("li", {}, this.link)
  }

  update(one, most) {
    const words = JSON.stringify([one, one.total === null ? 0 : Math.ceil(most * 4)])
    if (words === this.#words) return
    this.#words = words
    this.link.href = this.app.address(`requests/${encodeURIComponent(one.id)}`)
    this.link.dataset.id = one.id
    const date = one.at === null ? null : new Date(one.at * 1000)
    const cached = one.cached > 0 && one.prompt > 0 ? `, ${percent(one.cached / one.prompt)} cached` : ""
    fill(this.link,
      el("span.request-time.number.muted", {}, date ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }) : "–"),
      el("span.request-what", {}, el("strong", { dir: "auto" }, one.model ?? one.path ?? one.id), el("span.small.muted", { dir: "auto" }, [one.path, one.key ?? one.client].filter(Boolean).join(" · "))),
      el("span.request-bar", { "aria-hidden": "true" }, parts(one).map(part => el(`i.${part.name}`, { style: { "--share": ((part.to - part.from) / most).toFixed(4) } }))),
      el("span.request-total.number", {}, el("span", {}, seconds(one.total)), isAnswer(one) && one.first !== null && el("span.small.muted", {}, `first ${seconds(one.first)}`)),
      el("span.request-tokens.number.small.muted", {}, one.prompt !== null && el("span", {}, `${compact(one.prompt)} in${cached}`), one.output !== null && el("span", {}, `${compact(one.output)} out`)),
      el("span.request-end", {}, end(one)))
  }
}
