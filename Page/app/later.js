// Markdown, mathematics and colours for code: their modules are loaded when a text needs them first, and the plain text is shown until then.
import { el } from "./dom.js"

const loaded = { MarkdownView: null, maths: null, highlight: null }
const files = { MarkdownView: "markdown", maths: "maths", highlight: "highlight" }
const load = name => import(`./${files[name]}.js`).then(module => { loaded[name] = module[name] })

/** Loads the modules early. Returns a promise of the end of the load of Markdown, which an answer needs first. */
export function prepare() {
  const [markdown] = Object.keys(loaded).map(name => loaded[name] === null ? load(name).catch(() => {}) : null)
  return markdown
}

/** A growing text that is shown as Markdown. */
export class Prose {
  #view = null
  #latest = null

  constructor(element) { this.element = element }

  /** Shows the text. `done` renders at once and completely. */
  update(source, done = false) {
    if (loaded.MarkdownView) {
      if (this.#view === null) this.element.replaceChildren()
      this.#view ??= new loaded.MarkdownView(this.element)
      return this.#view.update(source, done)
    }
    const isFirst = this.#latest === null
    this.#latest = [source, done]
    this.element.textContent = source
    if (isFirst) load("MarkdownView").then(() => this.update(...this.#latest), () => { this.#latest = null })
  }
}

/** Returns a formula as an element. */
export function formula(source, display = false) {
  if (loaded.maths) return loaded.maths(source, display)
  const place = el("code", {}, source)
  load("maths").then(() => place.replaceWith(loaded.maths(source, display)), () => {})
  return place
}

/** Returns a `code` element with colours. */
export function coloured(source, language) {
  if (loaded.highlight) return el("code", {}, loaded.highlight(source, language))
  const code = el("code", {}, source)
  load("highlight").then(() => code.replaceChildren(loaded.highlight(source, language)), () => {})
  return code
}
