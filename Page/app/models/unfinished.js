// Downloads that are not complete, as the server keeps them: also those that another browser or the command line began.
import { api } from "../api.js"
import { el, fill } from "../dom.js"
import { ago, bytes, percent } from "../format.js"
import { icon } from "../icons.js"
import { pulls } from "./pulls.js"

const EVERY = 5000

/** Returns the address of a download without the parts that may be written in several ways. */
const plain = name => name.replace(/^(https?:\/\/)?(hf\.co|(www\.)?huggingface\.co)\//i, "").toLowerCase()

export class Unfinished {
  #list = []
  #running = ""
  #known = false
  #timer = null

  /** `changed` is called when files of models were deleted. */
  constructor(app, changed) {
    Object.assign(this, { app, changed })
    this.items = el("ul.list-card", { role: "list" })
    this.element = el("section.stack", { "aria-labelledby": "unfinished-title", hidden: true }, el("h2#unfinished-title", {}, "Unfinished downloads"),
      el("p.small.muted", {}, "The server keeps their data, so that they can go on where they ended."), this.items)
    app.signal.addEventListener("abort", () => clearTimeout(this.#timer))
  }

  async load() {
    clearTimeout(this.#timer)
    try { this.#list = (await api.json("admin/downloads", { signal: this.app.signal })).data.filter(each => typeof each?.model === "string") } catch { return }
    this.#known = true
    this.#draw()
    // Downloads of other browsers make progress.
    if (this.#list.some(each => each.running)) this.#timer = setTimeout(() => this.load(), EVERY)
  }

  /** Reads the list again if a download of this page has begun or ended. */
  follow() {
    const running = pulls.running.map(pull => pull.name).join("\n")
    const before = this.#running
    this.#running = running
    if (!this.#known) return
    if (before !== running) this.load()
    else this.#draw()
  }

  #draw() {
    const own = pulls.all.map(pull => plain(pull.name))
    const shown = this.#list.filter(({ model, repository }) => !own.includes(plain(model)) && !own.includes(plain(String(repository))))
    const look = JSON.stringify(shown)
    this.element.hidden = shown.length === 0
    if (look === this.look) return
    this.look = look
    fill(this.items, shown.map(each => this.#item(each)))
  }

  #item({ model, completed, total, running, created_at: begun }) {
    const share = total > 0 ? Math.min(1, completed / total) : 0
    return el("li.unfinished", { dataset: { unfinished: model } },
      el("div.spread", {}, el("h3", { dir: "auto" }, model), el("div.row", {},
        running ? el("span.chip.accent", {}, "In progress elsewhere")
          : [el("button.small.primary", { type: "button", "aria-label": `Resume ${model}`, onclick: () => pulls.start(model) }, icon("download", 16), "Resume"),
            el("button.small.quiet", { type: "button", "aria-label": `Delete the data of ${model}`, onclick: () => this.#remove(model, completed) }, icon("trash", 16), "Delete …")])),
      el("div.meter", { role: "progressbar", "aria-label": `Part of ${model} that has arrived`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": Math.round(share * 100), style: { "--share": share } }),
      el("p.small.muted.number", {}, [`${bytes(completed)} of ${bytes(total)}`, percent(share), begun > 0 && `began ${ago(begun)}`].filter(Boolean).join(" · ")))
  }

  async #remove(model, completed) {
    if (!await this.app.confirm({ title: `Delete the data of ${model}?`, text: `The part that has arrived is deleted: ${bytes(completed)}. The model can be pulled again from the beginning.`, action: "Delete", danger: true })) return
    try {
      await api.json(`admin/downloads/${model.split("/").map(encodeURIComponent).join("/")}`, { method: "DELETE" })
      this.app.toast(`The data of ${model} is deleted.`)
    } catch (error) { this.app.toast(error.message, { kind: "bad" }) }
    await this.load()
    this.changed()
  }
}
