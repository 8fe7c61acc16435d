// Schemas of the OpenAPI document: their fields as lists, and examples of requests.
import { el } from "../dom.js"
import { ticks } from "./matrix.js"

const DEEPEST = 8

/** Follows references within the document. */
export function resolved(root, value) {
  for (let steps = 0; steps < 8 && typeof value?.$ref === "string"; steps += 1) {
    value = value.$ref.replace(/^#\//, "").split("/").reduce((part, name) => part?.[name], root)
  }
  return value ?? {}
}

const forms = schema => schema.anyOf ?? schema.oneOf

function typeName(schema) {
  if (forms(schema)) return [...new Set(forms(schema).map(typeName))].join(" or ")
  if (schema.enum) return schema.enum.map(each => JSON.stringify(each)).join(", ")
  if (Array.isArray(schema.type)) return schema.type.join(" or ")
  if (schema.type === "array") { const items = schema.items ? typeName(schema.items) : "any"; return `array of ${items === "any" ? "any values" : items}` }
  const name = schema.type ?? "any"
  const { minimum: low, maximum: high } = schema
  return low !== undefined && high !== undefined ? `${name}, ${low} to ${high}` : low !== undefined ? `${name} ≥ ${low}` : high !== undefined ? `${name} ≤ ${high}` : name
}

/** Returns the schema with the fields of a value, which can be one of several forms or the element of an array. */
export function withFields(schema) {
  for (const form of [schema, ...forms(schema) ?? []]) {
    if (form?.properties) return form
    if (form?.items?.properties) return form.items
  }
}

/** Returns the list of a schema's fields. The fields of a field appear when it is opened. */
export function fieldList(schema, level = 0) {
  return el("ul.schema", { role: "list" }, Object.entries(schema.properties ?? {}).map(([name, field]) => fieldItem(name, field, (schema.required ?? []).includes(name), level)))
}

export function fieldItem(name, schema, required, level = 0, where = null) {
  const inner = level < DEEPEST ? withFields(schema) : undefined
  const head = [el("code.name", {}, name), el("span.type", {}, typeName(schema)), where && el("span.type", {}, `in the ${where}`), required && el("span.chip.accent", {}, "required"),
    schema.description && el("span.about", {}, ticks(schema.description))]
  if (!inner) return el("li", {}, el("div.head", {}, head))
  const details = el("details", {}, el("summary.head", {}, head))
  details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(fieldList(inner, level + 1)) })
  return el("li", {}, details)
}

const messages = [{ role: "user", content: "Say hello." }]
const known = {
  "post /v1/chat/completions": model => ({ model, messages, max_tokens: 64, stream: true }),
  "post /v1/completions": model => ({ model, prompt: "Once upon a time", max_tokens: 32 }),
  "post /v1/responses": model => ({ model, input: "Say hello.", max_output_tokens: 64 }),
  "post /v1/messages": model => ({ model, max_tokens: 64, messages }),
  "post /v1/messages/count_tokens": model => ({ model, messages }),
  "post /v1/responses/input_tokens": model => ({ model, input: "Say hello." }),
  "post /v1/chat/completions/render": model => ({ model, messages }),
  "post /v1/chat/completions/input_tokens": model => ({ model, messages }),
  "post /v1/embeddings": model => ({ model, input: "A text" }),
  "post /v1/rerank": model => ({ model, query: "fruit", documents: ["apple", "car"] }),
  "post /v1/tokenize": model => ({ model, prompt: "Say hello." }),
  "post /v1/detokenize": model => ({ model, tokens: [1, 2, 3] }),
  "post /api/chat": model => ({ model, messages, stream: true }),
  "post /api/generate": model => ({ model, prompt: "Say hello.", stream: false }),
  "post /api/show": model => ({ model }),
  "post /completion": model => ({ model, prompt: "Once upon a time", n_predict: 32 }),
  "post /apply-template": model => ({ model, messages }),
  "post /infill": model => ({ model, input_prefix: "def add(a, b):\n    return ", input_suffix: "\n", n_predict: 16 }),
}

/** Returns an example of a request's body: a known one, or the required fields. */
export function example(method, path, schema, model) {
  return known[`${method} ${path}`]?.(model) ?? sample(schema, "", model, 0)
}

function sample(schema, name, model, level) {
  if (!schema || level > 5) return null
  if (schema.enum) return schema.enum[0]
  if (forms(schema)) return sample(forms(schema)[0], name, model, level)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).filter(([each]) => (schema.required ?? []).includes(each)).map(([each, field]) => [each, sample(field, each, model, level + 1)]))
  }
  if (type === "array") return schema.items ? [sample(schema.items, name, model, level + 1)] : []
  if (type === "integer" || type === "number") return schema.minimum ?? 1
  if (type === "boolean") return false
  if (type === "object") return {}
  return name === "model" ? model : name === "role" ? "user" : "text"
}
