// Keys of clients, and the usage of the server.
import { api } from "../api.js"
import { codeBlock } from "../code.js"
import { el, fill } from "../dom.js"
import { ago, day } from "../format.js"
import { icon } from "../icons.js"
import { changeKey, createKey, limitWords, showKey } from "../keys/form.js"
import { OwnKey } from "../keys/own.js"
import { Report } from "../keys/report.js"
import { keys } from "../keys/usage.js"

export async function mount(root, app) {
  await app.style("keys")
  await app.style("text")
  await new KeysView(root, app).load()
}

class KeysView {
  constructor(root, app) {
    this.app = app
    this.create = el("button.primary", { type: "button", hidden: true, onclick: () => this.add() }, icon("key", 18), "Create a key")
    this.notice = el("div.slot")
    this.body = el("div.slot")
    this.section = el("section.stack", { "aria-labelledby": "keys-title", hidden: true }, el("h2#keys-title", {}, "Keys"), this.body)
    this.report = new Report(app)
    this.content = el("div.page.wide", {}, this.notice, this.report.element, this.section)
    fill(root, app.header("Keys and usage", this.create), this.content)
  }

  async load() {
    const { app } = this
    try {
      this.list = await keys(app.signal)
    } catch (error) {
      if (error.aborted) return
      if (error.status === 403) return void this.refuse()
      return void fill(this.notice, app.failure(error, () => this.load()))
    }
    this.report.name(this.list)
    this.draw()
    await this.report.load()
  }

  /** Shows a person without the role admin the own key. */
  async refuse() {
    const other = el("button", { type: "button", onclick: async () => { if (await this.app.key.ask("Enter a key with the role admin.")) { fill(this.content, this.notice, this.report.element, this.section); await this.load() } } }, "Enter another key")
    const own = new OwnKey(this.app)
    fill(this.content, own.element, el("p.row.small.muted", {}, el("span", {}, "The keys and the usage of the whole server are visible to keys with the role admin only."), other))
    await own.load()
  }

  draw() {
    const { list } = this
    this.section.hidden = false
    const open = list.length === 0 && !this.app.key.value
    this.create.hidden = open
    if (open) {
      return void fill(this.body, el("div.card.stack", {}, el("p", {}, "This server requires no key: everybody who reaches it may use it and see this page. To give each person or program a key with its own limits, create the first one on the server's machine:"),
        codeBlock("shimmy key create me --role admin", "sh"), el("p.small.muted", {}, "From then on the server requires a key. This page asks for it once.")))
    }
    fill(this.body, el("div.card.flush.scroll", { tabindex: "0", role: "region", "aria-label": "List of keys" }, el("table.keys", {},
      el("caption.visually-hidden", {}, "Keys"),
      el("thead", {}, el("tr", {}, ["Name", "Role", "Models", "Limits", "Created", ""].map(text => el("th", { scope: "col" }, text || el("span.visually-hidden", {}, "Actions"))))),
      el("tbody", {}, list.map(key => this.#row(key))))))
  }

  #row(key) {
    const own = key.shimmy ?? {}
    const fixed = own.source === "configuration"
    const limits = limitWords(key)
    if (own.weight !== 1 && own.weight > 0) limits.push(`weight ${own.weight}`)
    const ended = own.expires_at > 0 && own.expires_at * 1000 <= Date.now()
    const button = el("button.quiet.icon", { type: "button", "aria-label": `More for ${key.name}`, "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.app.menu(button, [
      { text: "Change …", hint: fixed ? null : "name, role, models, limits and end", icon: "edit", disabled: fixed, run: () => this.change(key) },
      { text: "Rotate …", hint: fixed ? "This key is in shimmy.toml; change it there" : "a new text; the old one ends", icon: "retry", disabled: fixed, run: () => this.rotate(key) },
      { text: "Revoke …", hint: fixed ? null : "ends the key for ever", icon: "trash", danger: true, disabled: fixed, run: () => this.revoke(key) },
    ]) }, icon("more"))
    return el("tr", { dataset: { key: key.name } },
      el("th", { scope: "row" }, el("span.key-name", { dir: "auto" }, key.name), el("code.small.muted", {}, key.redacted_value)),
      el("td", {}, el(`span.chip${own.role === "admin" ? ".accent" : ""}`, {}, own.role === "admin" ? "Admin" : "User"), fixed && el("span.chip", {}, "shimmy.toml")),
      el("td", { dir: "auto" }, (own.models ?? []).length > 0 ? own.models.join(", ") : el("span.muted", {}, "all")),
      el("td", {}, limits.length > 0 ? el("ul.plain", {}, limits.map(each => el("li", {}, each))) : el("span.muted", {}, "none")),
      el("td", {}, key.created_at > 0 ? ago(key.created_at) : "–",
        own.expires_at > 0 && el("span.until", {}, ended ? el("span.chip.bad", {}, "Expired") : `until ${day(own.expires_at)}`)),
      el("td", {}, button))
  }

  async add() {
    const names = await this.app.models.list().then(list => list.map(model => model.id), () => [])
    const made = await createKey(this.app, names)
    if (!made) return
    await this.reload()
    await showKey(this.app, made, `The key of ${made.name}`)
  }

  async change(key) {
    const names = await this.app.models.list().then(list => list.map(model => model.id), () => [])
    if (!await changeKey(this.app, names, key)) return
    this.app.toast(`The key of ${key.name} is changed.`)
    await this.reload()
  }

  async rotate(key) {
    const { app } = this
    const sure = await app.confirm({ title: `Rotate the key of ${key.name}?`, text: "The key gets a new text. Programs with the old one are refused from now on. Its stored objects, limits and usage stay.", action: "Rotate" })
    if (!sure) return
    try {
      const made = await api.json(`v1/organization/admin_api_keys/${encodeURIComponent(key.id)}/rotate`, { method: "POST" })
      if (this.#isOwn(key)) app.key.set(made.value, app.key.kept)
      await this.reload()
      await showKey(app, made, `The new key of ${made.name}`)
    } catch (error) { app.toast(error.message, { kind: "bad" }) }
  }

  /** Whether this page uses the key. */
  #isOwn(key) { return this.app.key.value?.endsWith(key.redacted_value?.slice(6) || " ") === true }

  async revoke(key) {
    const sure = await this.app.confirm({ title: `Revoke the key of ${key.name}?`, text: `${this.#isOwn(key) ? "This page uses this key itself. " : ""}Requests with this key are refused from now on. This cannot be undone. Its usage stays in the record.`, action: "Revoke", danger: true })
    if (!sure) return
    try {
      await api.json(`v1/organization/admin_api_keys/${encodeURIComponent(key.id)}`, { method: "DELETE" })
      this.app.toast(`The key of ${key.name} is revoked.`)
    } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    await this.reload()
  }

  async reload() {
    try { this.list = await keys(this.app.signal) } catch (error) {
      if (!error.aborted) this.app.toast(error.message, { kind: "bad" })
      return
    }
    this.report.name(this.list)
    this.draw()
  }
}
