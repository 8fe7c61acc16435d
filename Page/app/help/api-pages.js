// The OpenAPI document of the server as pages: a list of operations, and a page for each with its fields and a form to try it.
import { el, fill, frame } from "../dom.js"
import { icon } from "../icons.js"
import { ticks } from "./matrix.js"
import { fieldItem, fieldList, resolved, withFields } from "./schema.js"
import { tryForm } from "./try.js"

const methods = ["get", "head", "post", "put", "patch", "delete"]
let kept = null

async function operations(app) {
  kept ??= app.api.json("openapi.json").then(root => ({ root, all: Object.entries(root.paths).flatMap(([path, item]) =>
    methods.filter(method => item[method]).map(method => ({ path, method, operation: item[method], id: item[method].operationId, tag: item[method].tags?.[0] ?? "" }))) }))
  try { return await kept } catch (error) { kept = null; throw error }
}

export async function apiPage(app, body) {
  const { root, all } = await operations(app)
  const wanted = app.path[1]
  const chosen = all.find(each => each.id === wanted)
  if (chosen) return operationPage(app, body, root, chosen)
  const search = el("input", { type: "search", "aria-label": "Search the API", placeholder: "Search paths, fields and descriptions", autocomplete: "off", spellcheck: "false" })
  const found = el("p.small.muted", { role: "status" })
  const results = el("div.stack")
  const texts = new Map(all.map(each => [each, [each.method, each.path, ...each.operation["x-other-paths"] ?? [], each.operation.description, ...(each.operation.parameters ?? []).map(one => one.name), ...fieldNames(each.operation.requestBody, [])].join(" ").toLowerCase()]))
  const draw = frame(() => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const shown = all.filter(each => words.every(word => texts.get(each).includes(word)))
    found.textContent = `${shown.length} ${shown.length === 1 ? "operation" : "operations"}`
    const tags = [...new Set([...root.tags.map(tag => tag.name), ...all.map(each => each.tag)])]
    fill(results, tags.map(tag => [tag, shown.filter(each => each.tag === tag)]).filter(([, list]) => list.length > 0).map(([tag, list]) => el("section.stack", {}, el("h2", {}, tag),
      el("ul.list-card.operations", { role: "list" }, list.map(each => el("li", {}, el("a", { href: app.address(`help/api/${each.id}`) },
        el(`span.method.${each.method}`, {}, each.method.toUpperCase()), el("code.path", {}, each.path), each.operation["x-required-role"] && el("span.chip", {}, each.operation["x-required-role"]),
        each.operation.description && el("span.about.small.muted", {}, ticks(each.operation.description)))))))),
      shown.length === 0 && el("div.empty", {}, icon("search"), el("h2", {}, "Nothing found"), el("p", {}, "No operation of this server fits the search.")))
  })
  search.addEventListener("input", draw)
  app.shortcut("/", "Search the API", () => search.focus())
  draw()
  fill(body, el("div.row.searching", {}, search, el("a.button", { href: "openapi.json", download: "openapi.json" }, icon("download", 18), "OpenAPI")),
    el("p.small.muted", {}, root.info.description), found, results)
}

function fieldNames(value, found) {
  if (value === null || typeof value !== "object") return found
  for (const [name, member] of Object.entries(value)) {
    if (name === "properties") found.push(...Object.keys(member))
    fieldNames(member, found)
  }
  return found
}

async function operationPage(app, body, root, { path, method, operation }) {
  const parameters = (operation.parameters ?? []).map(each => resolved(root, each))
  const models = await app.models.list().catch(() => [])
  const others = operation["x-other-paths"] ?? []
  app.title(`${method.toUpperCase()} ${path}`)
  fill(body, el("nav", { "aria-label": "Place" }, el("a.back", { href: app.address("help/api") }, icon("back", 18), "All operations")),
    el("div", {}, el("h2.operation", {}, el(`span.method.${method}`, {}, method.toUpperCase()), el("code", {}, path)),
      operation.description && el("p", {}, ticks(operation.description)),
      others.length > 0 && el("p.small.muted", {}, "Also at ", others.map((other, index) => [index > 0 && ", ", el("code", {}, other)]))),
    el("div.two", {},
      el("section.card.stack", { "aria-labelledby": "fields-title" }, el("h3#fields-title", {}, "Fields"), fields(root, operation, parameters)),
      el("section.card.stack.trying", { "aria-labelledby": "try-title" }, el("h3#try-title", {}, "Try it"), tryForm(app, { method, path, operation, parameters, models }))))
}

function fields(root, operation, parameters) {
  const parts = []
  if (parameters.length > 0) parts.push(el("h4", {}, "Parameters"), el("ul.schema", { role: "list" }, parameters.map(each => fieldItem(each.name, { ...each.schema, description: each.description }, each.required, 0, each.in))))
  parts.push(media("Request", root, operation.requestBody?.content))
  const errors = []
  for (const [status, reference] of Object.entries(operation.responses ?? {})) {
    const response = resolved(root, reference)
    if (status >= "300") errors.push([status, response.description ?? ""])
    else parts.push(media(`Response ${status}`, root, response.content) ?? [el("h4", {}, `Response ${status}`), el("p.small.muted", {}, "without a body")])
  }
  if (errors.length > 0) parts.push(el("details.errors", {}, el("summary", {}, "Errors"), el("dl.facts.small", {}, errors.map(([status, text]) => [el("dt.mono", {}, status), el("dd", {}, ticks(text))]))))
  return parts
}

function media(title, root, content) {
  const list = Object.entries(content ?? {})
  if (list.length === 0) return null
  return list.map(([type, value]) => {
    const schema = resolved(root, value.schema ?? value["x-item-schema"])
    const inner = withFields(schema)
    const refused = schema["x-refused-fields"] ?? []
    return [el("h4", {}, title, " ", el("span.type", {}, type)), inner ? fieldList(inner) : el("p.small.muted", {}, "The fields are not listed."),
      refused.length > 0 && el("p.small.muted", {}, `Refused with a 400: ${refused.join(", ")}`)]
  })
}
