// Mathematics and colours for code: their modules are loaded when a text needs them first, and the plain text is shown until then.
import { el } from "./dom.js"

const loaded = { maths: null, highlight: null }
const load = name => import(`./${name}.js`).then(module => { loaded[name] = module[name] })

/** Loads both modules early. */
export function prepare() { for (const name of Object.keys(loaded)) if (loaded[name] === null) load(name).catch(() => {}) }

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
