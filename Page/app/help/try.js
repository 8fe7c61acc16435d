// "Try it": sends a request of the documentation to this server and shows the answer as it arrives.
import { codeBlock } from "../code.js"
import { copyButton } from "../copy.js"
import { el, fill } from "../dom.js"
import { bytes, seconds } from "../format.js"
import { icon } from "../icons.js"
import { address, quoted } from "./connect.js"
import { example } from "./schema.js"

const MOST = 200_000

/** Returns the form for an operation. */
export function tryForm(app, { method, path, operation, parameters, models }) {
  const model = models.find(each => each.shimmy?.loaded)?.id ?? models[0]?.id ?? "MODEL"
  const inputs = parameters.filter(each => each.in === "path" || each.in === "query").map(each => {
    const fixed = each.schema?.enum ?? (each.schema?.type === "boolean" ? ["true", "false"] : null)
    const options = { "aria-required": each.required ? "true" : null, autocomplete: "off", spellcheck: "false" }
    const input = fixed ? el("select", {}, el("option", { value: "" }, ""), fixed.map(value => el("option", { value }, value))) : el("input", { type: "text", ...options, placeholder: each.in === "query" ? "not sent" : each.name })
    if (each.in === "path" && /^model/.test(each.name)) input.value = model
    return [each, input]
  })
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const isFile = type && type !== "application/json"
  const body = type && !isFile ? el("textarea.body", { rows: "8", spellcheck: "false", autocapitalize: "none", dir: "ltr", ".value": JSON.stringify(example(method, path, content.schema, model), null, 2) }) : null
  const problem = el("p.small.problem", { role: "alert" })
  const answer = el("div.stack.answer", { "aria-live": "polite" })
  const send = el("button.primary", { type: "submit" }, icon("send", 18), "Send")
  let control = null
  const target = () => {
    let filled = path
    const query = new URLSearchParams()
    for (const [each, input] of inputs) {
      if (each.in === "path") filled = filled.replace(`{${each.name}}`, encodeURIComponent(input.value || each.name))
      else if (input.value !== "") for (const value of each.schema?.type === "array" ? input.value.split(",") : [input.value]) query.append(each.schema?.type === "array" ? `${each.name}[]` : each.name, value.trim())
    }
    return filled.replace(/^\//, "") + (query.size > 0 ? `?${query}` : "")
  }
  const curl = () => [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${quoted(`${address(app.api.base)}/${target()}`)}`, app.key.value && `-H "Authorization: Bearer $SHIMMY_API_KEY"`,
    body && "-H 'Content-Type: application/json'", body && `--data-raw ${quoted(body.value)}`].filter(Boolean).join(" \\\n  ")
  const run = async event => {
    event.preventDefault()
    if (control) return control.abort()
    problem.textContent = ""
    let sent
    try { sent = body && body.value.trim() !== "" ? JSON.parse(body.value) : undefined } catch (error) {
      problem.textContent = `The body is not JSON: ${error.message}`
      return body.focus()
    }
    if (method === "delete" && !await app.confirm({ title: "Send this request?", text: `DELETE ${path} removes something from the server.`, action: "Send", danger: true })) return
    control = new AbortController()
    app.signal.addEventListener("abort", () => control?.abort())
    fill(send, icon("stop", 18), "Stop")
    await request(app, answer, target(), { method: method.toUpperCase(), body: sent, signal: control.signal })
    control = null
    fill(send, icon("send", 18), "Send")
  }
  if (isFile) return el("p.muted.small", {}, "This request sends a file, which the page does not do.")
  return el("form.stack.try", { onsubmit: run },
    inputs.length > 0 && el("div.inputs", {}, inputs.map(([each, input]) => el("label.field", {}, el("span", {}, each.name, each.required && " (required)"), input, each.schema?.type === "array" && el("small", {}, "values, separated by commas")))),
    body && el("label.field", {}, el("span", {}, "Body"), body), problem,
    el("div.row", {}, send, copyButton(curl, "Copy as curl"), operation["x-required-role"] && el("span.chip.accent", {}, `needs the role ${operation["x-required-role"]}`)), answer)
}

/** Shows that the person has stopped the request. What has arrived stays. */
function stopped(status) {
  status.className = "chip"
  status.textContent = "Stopped"
}

async function request(app, answer, target, options) {
  const start = performance.now()
  const status = el("span.chip", {}, "Waiting")
  const facts = el("span.small.muted.number")
  const head = el("details", {}, el("summary.small", {}, "Headers"))
  const place = el("div")
  fill(answer, el("div.row", {}, status, facts), place)
  let size = 0, first = null, text = "", type = ""
  const show = done => {
    const clipped = text.length > MOST ? `${text.slice(0, MOST)}\n… ` : text
    let plain = clipped
    if (done && type.includes("json") && !type.includes("ndjson")) try { plain = JSON.stringify(JSON.parse(clipped), null, 2) } catch { /* It is shown as it came. */ }
    fill(place, text !== "" && codeBlock(plain, type.includes("json") ? "json" : "text", !done))
    facts.textContent = [seconds((performance.now() - start) / 1000), first !== null && size > 0 && `first byte after ${seconds(first)}`, size > 0 && bytes(size)].filter(Boolean).join(" · ")
  }
  try {
    const response = await app.api.request(target, options)
    await read(response)
  } catch (error) {
    if (error.aborted || error.name === "AbortError") return void stopped(status)
    status.classList.add("bad")
    status.textContent = error.status > 0 ? `Status ${error.status}` : "No answer"
    text = error.detail || error.message
    show(true)
    fill(place, el("p.notice.bad", { dir: "auto" }, error.message), error.param && el("p.small.muted", {}, "Field ", el("code", {}, error.param)))
  }

  async function read(response) {
    type = response.headers.get("content-type") ?? ""
    status.classList.add("good")
    status.textContent = `Status ${response.status}`
    head.append(el("dl.facts.small", {}, [...response.headers].map(([name, value]) => [el("dt.mono", {}, name), el("dd.mono", {}, value)])))
    answer.append(head)
    const reader = response.body?.getReader()
    const decoder = new TextDecoder()
    let drawn = 0
    while (reader) {
      const { done, value } = await reader.read()
      if (done) break
      // The person has gone to another operation, and a stream may never end.
      if (!answer.isConnected) return void reader.cancel().catch(() => {})
      first ??= (performance.now() - start) / 1000
      size += value.length
      if (text.length <= MOST) text += decoder.decode(value, { stream: true })
      if (performance.now() - drawn > 120) { drawn = performance.now(); show(false) }
    }
    show(true)
  }
}
