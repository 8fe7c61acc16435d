// The compatibility matrix, searchable. It is the table that the server checks requests against.
import { el, fill, frame } from "../dom.js"
import { count } from "../format.js"
import { icon } from "../icons.js"

const names = { openai: "OpenAI", anthropic: "Anthropic", ollama: "Ollama", "llama-server": "llama-server", lmstudio: "LM Studio" }
const kinds = { supported: ["good", "Supported"], partial: ["warn", "Partial"], "ignored, reported": ["", "Ignored, reported"], refused: ["bad", "Refused"], "not supported": ["", "Not supported"] }
const MOST = 400

let data = null
const load = () => data ??= fetch(new URL("../data/compatibility.json", import.meta.url))
  .then(answer => answer.ok ? answer.json() : Promise.reject(new Error("The matrix cannot be loaded."))).catch(error => { data = null; throw error })

export async function matrixPage(app, body) {
  const all = await load()
  const search = el("input", { type: "search", "aria-label": "Search fields and endpoints", placeholder: "Search fields and endpoints: tools strict, logprobs, /api/chat", autocomplete: "off", spellcheck: "false", ".value": app.query.get("q") ?? "" })
  const api = el("select", { "aria-label": "API" }, el("option", { value: "" }, "All APIs"), all.map(each => el("option", { value: each.api }, names[each.api] ?? each.api)))
  const support = el("select", { "aria-label": "Support" }, el("option", { value: "" }, "Any support"), Object.entries(kinds).map(([value, [, text]]) => el("option", { value }, text)))
  const found = el("p.small.muted", { role: "status" })
  const results = el("div.stack.matrix")
  const draw = frame(() => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const narrow = words.length > 0 || support.value !== ""
    let shown = 0, fields = 0
    const sections = all.filter(each => !api.value || each.api === api.value).map(each => {
      const endpoints = each.endpoints.map(found => {
        const endpoint = { ...found, api: each.api }
        const path = `${endpoint.method} ${endpoint.path}`.toLowerCase()
        const rest = words.filter(word => !path.includes(word))
        const fits = row => (support.value === "" || row.support === support.value) && rest.every(word => `${row.field} ${row.note ?? ""} ${row.support}`.toLowerCase().includes(word))
        const request = (endpoint.request ?? []).filter(fits), response = (endpoint.response ?? []).filter(fits)
        const itself = rest.length === 0 && (support.value === "" || endpoint.support === support.value)
        if (narrow && !itself && request.length + response.length === 0) return null
        shown += 1
        fields += request.length + response.length
        return item(endpoint, request, response, narrow && words.length > 0 && fields <= MOST)
      }).filter(Boolean)
      return endpoints.length > 0 && el("section.stack", { "aria-label": names[each.api] }, el("h2", {}, names[each.api] ?? each.api), el("div.list-card", {}, endpoints))
    }).filter(Boolean)
    found.textContent = `${count(shown)} ${shown === 1 ? "endpoint" : "endpoints"}, ${count(fields)} ${fields === 1 ? "field" : "fields"}`
    fill(results, sections, sections.length === 0 && el("div.empty", {}, icon("search"), el("h2", {}, "Nothing found"), el("p", {}, "No endpoint or field of these APIs fits the search.")))
  })
  search.addEventListener("input", draw)
  api.addEventListener("change", draw)
  support.addEventListener("change", draw)
  app.shortcut("/", "Search the matrix", () => search.focus())
  draw()
  fill(body, el("div.row.searching", {}, search, api, support),
    el("p.small.muted", {}, "A refused field is a 400 that names it. A field that is ignored has no effect, and the header ", el("code", {}, "x-shimmy-ignored-params"), " names it, as it names every unknown field."),
    found, results)
}

const chip = row => { const [kind, text] = kinds[row.support] ?? ["", row.support]; return el(`span.chip${kind ? `.${kind}` : ""}`, {}, text) }

function item(endpoint, request, response, open) {
  const details = el("details.endpoint", { open },
    el("summary", {}, el(`span.method.${endpoint.method.toLowerCase()}`, {}, endpoint.method), el("code.path", {}, endpoint.path), chip(endpoint)))
  const inside = () => {
    if (details.childElementCount > 1) return
    details.append(el("div.inside", {}, endpoint.note && el("p.small", {}, ticks(endpoint.note)),
      table("Field of the request", request, endpoint), table("Field of the response", response, endpoint),
      request.length + response.length === 0 && el("p.small.muted", {}, endpoint.request || endpoint.response ? "None of its fields fits the search." : "It has no fields of its own in the matrix.")))
  }
  if (open) inside()
  details.addEventListener("toggle", () => { if (details.open) inside() })
  return details
}

function table(title, rows, endpoint) {
  return rows.length > 0 && el("div.scroll", { tabindex: "0", role: "region", "aria-label": `${title} of ${endpoint.method} ${endpoint.path}, ${names[endpoint.api]}` }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, title), el("th", { scope: "col" }, "Support"), el("th", { scope: "col" }, "Difference"))),
    el("tbody", {}, rows.map(row => el("tr", {}, el("th", { scope: "row" }, el("code", {}, row.field)), el("td", {}, chip(row)), el("td.small", {}, ticks(row.note ?? "")))))))
}

/** Returns text with the parts between backticks as code. */
export function ticks(text) {
  const parts = text.split("`")
  return parts.length % 2 === 0 ? text : parts.map((part, index) => index % 2 === 1 ? el("code", {}, part) : part)
}
