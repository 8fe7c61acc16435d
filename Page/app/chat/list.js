// The list of conversations with search.
import { el, fill } from "../dom.js"
import { icon } from "../icons.js"
import { isBusy } from "./request.js"
import { store } from "./store.js"

const STEP = 100

export class List {
  #records = []
  #found = null
  #shown = STEP
  #searching = null
  /** The conversations that only the server has; null until they are known, because the first view does not need them. */
  #remote

  constructor(app, actions) {
    Object.assign(this, { app, actions, current: null })
    this.search = el("input", { type: "search", placeholder: "Search", "aria-label": "Search conversations", oninput: () => this.#find(), onkeydown: event => { if (event.key === "Escape") { this.search.value = ""; this.#find() } } })
    this.items = el("ul.conversations")
    this.more = el("button.quiet", { type: "button", hidden: true, onclick: async () => { this.#shown += STEP; await this.#remote?.next(); this.refresh() } }, "Show more")
    this.menuButton = el("button.quiet.icon", { type: "button", "aria-label": "More about conversations", "aria-haspopup": "menu", onclick: () => app.menu(this.menuButton, actions.menu()) }, icon("more"))
    this.element = el("aside.conversation-list#conversation-list", { "aria-label": "Conversations" },
      el("div.row.list-head", {}, el("button.new", { type: "button", onclick: actions.create }, icon("plus", 18), "New chat"), this.menuButton,
        el("button.quiet.icon.list-close", { type: "button", "aria-label": "Close the list", onclick: actions.close }, icon("cross"))),
      el("div.list-search", {}, icon("search", 16), this.search),
      el("nav", { "aria-label": "Conversations" }, this.items, this.more))
  }

  async refresh() {
    const own = await store.conversations()
    this.#records = this.#remote?.merged(own) ?? own
    this.#draw()
    if (this.#remote === undefined) {
      this.#remote = null
      import("./remote.js").then(({ Remote }) => { this.#remote = new Remote(this.app, () => this.refresh()) }, () => {})
    }
  }

  select(id) {
    this.current = id
    this.#draw()
  }

  async #find() {
    this.#searching?.abort()
    const words = this.search.value.trim()
    if (words.length < 2) { this.#found = null; return this.#draw() }
    const mine = this.#searching = new AbortController()
    await new Promise(resolve => setTimeout(resolve, 150))
    if (mine.signal.aborted) return
    const found = await store.search(words, mine.signal)
    if (mine.signal.aborted) return
    for (const record of this.#records) if (record.title.toLowerCase().includes(words.toLowerCase())) found.add(record.id)
    this.#found = found
    this.#draw()
  }

  #draw() {
    const records = this.#found === null ? this.#records : this.#records.filter(record => this.#found.has(record.id))
    const days = new Map()
    for (const record of records.slice(0, this.#shown)) {
      const day = dayOf(record.updated)
      if (!days.has(day)) days.set(day, [])
      days.get(day).push(record)
    }
    fill(this.items, [...days].map(([day, group]) => [el("li.day", {}, day), group.map(record => this.#item(record))]),
      records.length === 0 && el("li.none", {}, this.#found ? "Nothing found." : "Your conversations will be listed here."))
    this.more.hidden = records.length <= this.#shown && (this.#found !== null || !this.#remote?.hasMore)
  }

  #item(record) {
    const label = record.title || "New conversation"
    const button = el("button.quiet.icon.small", { type: "button", "aria-label": `Actions for ${label}`, "aria-haspopup": "menu", onclick: () => this.app.menu(button, record.isRemote ? this.#remote.menu(record) : this.actions.itemMenu(record)) }, icon("more", 18))
    return el("li.conversation", { dataset: { id: record.id } },
      el("a", { href: this.app.address(`chat/${record.id}`), "aria-current": record.id === this.current ? "page" : null, dir: "auto", title: label },
        isBusy(record.id) && el("span.spinner", { role: "img", "aria-label": "Answering" }), el("span", {}, label),
        record.place === "server" && el("span.where", { title: "Stored on the server" }, icon("server", 14), el("span.visually-hidden", {}, "stored on the server"))),
      button)
  }
}

function dayOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0)
  if (time >= midnight) return "Today"
  if (time >= midnight - 864e5) return "Yesterday"
  if (time >= midnight - 7 * 864e5) return "Last seven days"
  return new Date(time).toLocaleDateString(undefined, { month: "long", year: "numeric" })
}
