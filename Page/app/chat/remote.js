// The conversations that the server stores for this key, for the list: those that another browser or program made are not in this browser yet.
import { api } from "../api.js"
import { el } from "../dom.js"
import { moment } from "../format.js"

const PAGE = 100, FRESH = 30_000

export class Remote {
  #found = new Map()
  /** The IDs that conversations of this browser have or had, so that a deleted one does not appear again. */
  #own = new Set()
  #last = null
  #read = 0
  hasMore = false

  /** `changed` is called when there are other conversations than before. */
  constructor(app, changed) {
    Object.assign(this, { app, changed })
    addEventListener("shimmy:key", () => this.#load(), { signal: app.signal })
    document.addEventListener("visibilitychange", () => { if (!document.hidden && performance.now() - this.#read > FRESH) this.#load() }, { signal: app.signal })
    this.#load()
  }

  /** Reads the newest conversations. */
  async #load() {
    const page = await this.#page(null)
    if (page === null) return
    this.#found.clear()
    this.#add(page)
    this.changed()
  }

  async next() {
    if (this.hasMore) this.#add(await this.#page(this.#last) ?? { has_more: true })
  }

  /** Returns a page; null if the server is away. A server that stores nothing, or an older one, has an empty list. */
  async #page(after) {
    this.#read = performance.now()
    try { return await api.json("v1/conversations", { query: { limit: PAGE, after }, signal: this.app.signal, ask: false }) }
    catch (error) { return error.aborted || error.status === 0 ? null : { data: [], has_more: false } }
  }

  #add(page) {
    for (const each of page.data ?? []) {
      if (typeof each?.id !== "string") continue
      const created = each.created_at * 1000 || 0
      const title = typeof each.metadata?.title === "string" ? each.metadata.title.slice(0, 200) : ""
      this.#found.set(each.id, {
        id: each.id, title: title || `Without a title, ${moment(created / 1000)}`, created, updated: each.shimmy?.updated_at * 1000 || created,
        place: "server", server: each.id, isRemote: true, metadata: each.metadata ?? {},
      })
      this.#last = each.id
    }
    this.hasMore = page.has_more === true
  }

  /** Returns the records of this browser with those that only the server has, the latest first. */
  merged(records) {
    for (const { server } of records) if (server) this.#own.add(server)
    return [...records, ...[...this.#found.values()].filter(({ id }) => !this.#own.has(id))].sort((one, other) => other.updated - one.updated)
  }

  /** Returns the menu of a conversation that only the server has. */
  menu(record) {
    const { app } = this
    const path = `v1/conversations/${encodeURIComponent(record.id)}`
    const attempt = async work => {
      try { await work() } catch (error) { app.toast(error.message, { kind: "bad" }) }
      this.changed()
    }
    return [
      { text: "Open", icon: "chat", run: () => app.go(`chat/${record.id}`) },
      { text: "Rename", icon: "edit", run: async () => {
        const field = el("input", { required: true, maxlength: "200", ".value": record.title, dir: "auto", autofocus: true })
        const done = await app.dialog({ title: "Rename", body: el("label.field", {}, el("span", {}, "Title"), field), actions: [{ text: "Cancel", value: false }, { text: "Rename", kind: "primary", submit: true, value: true }] }).result
        if (done !== true) return
        await attempt(async () => {
          const title = field.value.trim()
          record.metadata = (await api.json(path, { body: { metadata: { ...record.metadata, title } } })).metadata ?? {}
          record.title = title
        })
      } }, "-",
      { text: "Delete", icon: "trash", danger: true, run: async () => {
        if (!await app.confirm({ title: "Delete this conversation?", text: `${record.title}. It is deleted on the server.`, action: "Delete", danger: true })) return
        await attempt(async () => {
          await api.json(path, { method: "DELETE" }).catch(error => { if (error.status !== 404) throw error })
          this.#found.delete(record.id)
        })
      } },
    ]
  }
}
