// Requests to the server: JSON and event streams over fetch, with the key, and errors in plain words.
import { key } from "./key.js"

const base = new URL(".", document.baseURI)
const MAX_LINE = 64 * 1024 * 1024

export class ApiError extends Error {
  constructor(message, { status = 0, code = null, param = null, retryAfter = null, requestId = null, detail = "", aborted = false } = {}) {
    super(message)
    Object.assign(this, { name: "ApiError", status, code, param, retryAfter, requestId, detail, aborted })
  }
}

/** Returns the error of an answer of any dialect. */
async function failure(response, used) {
  let detail = "", code = null, param = null
  try {
    const text = (await response.text()).slice(0, 65536)
    try {
      const body = JSON.parse(text)
      const error = body.error ?? body
      detail = typeof error === "string" ? error : String(error.message ?? error.detail ?? "")
      code = error.code ?? error.type ?? null
      param = error.param ?? null
    } catch { detail = text.slice(0, 500) }
  } catch { /* The connection ended within the body. */ }
  const seconds = Number.parseFloat(response.headers.get("retry-after") ?? "")
  const retryAfter = Number.isFinite(seconds) ? Math.max(0, seconds) : null
  return new ApiError(words(response.status, detail, retryAfter, used),
    { status: response.status, code, param, retryAfter, requestId: response.headers.get("x-request-id"), detail })
}

function words(status, detail, retryAfter, used) {
  const wait = retryAfter === null || /\b(again|retry)\b.*\d|\d+ s(econds)?\b/i.test(detail) ? "" : ` Try again in ${Math.ceil(retryAfter)} s.`
  if (status === 401) return used ? "The server does not accept this key." : "The server asks for an API key."
  if (status === 403) return detail || "This key may not do this."
  if (status === 404) return detail || "The server does not have this."
  if (status === 413) return detail || "This is too large for the server."
  if (status === 429) return `${detail || "The server is busy, or a limit of this key is reached."}${wait}`
  if (status === 502 || status === 504) return detail || "The server behind the proxy does not answer."
  if (status === 503) return `${detail || "The server is not ready."}${wait}`
  return detail || `The server answered with status ${status}.`
}

/** Returns the Response of a request that succeeded. Asks for a key after a 401 and repeats the request once. */
async function request(path, options = {}) {
  const { method = options.body === undefined ? "GET" : "POST", body, query, signal, headers = {}, ask = true } = options
  const url = new URL(path.replace(/^\//, ""), base)
  for (const [name, value] of Object.entries(query ?? {})) if (value !== null && value !== undefined) url.searchParams.set(name, value)
  const sent = { ...headers }
  const isForm = body instanceof FormData
  if (body !== undefined && !isForm) sent["Content-Type"] = "application/json"
  if (key.value) sent.Authorization = `Bearer ${key.value}`
  const used = key.value
  let response
  try {
    response = await fetch(url, { method, headers: sent, body: body === undefined || isForm ? body : JSON.stringify(body), signal, cache: "no-store" })
  } catch (error) {
    throw unreachable(error)
  }
  if (response.ok) return response
  if (response.status === 401 && ask) {
    const again = key.value !== used || await key.ask(used ? "The server does not accept this key." : undefined)
    if (again) return request(path, { ...options, ask: key.value === used })
  }
  throw await failure(response, used)
}

function unreachable(error) {
  if (error.name === "AbortError" || error.name === "TimeoutError") return new ApiError("Stopped.", { aborted: true })
  return new ApiError("The server cannot be reached. Is it running?", { code: "unreachable", detail: String(error.message ?? error) })
}

async function json(path, options) {
  const response = await request(path, options)
  try {
    const text = await response.text()
    return text === "" ? null : JSON.parse(text)
  } catch (error) {
    if (error.name === "AbortError" || error.name === "TypeError") throw unreachable(error)
    throw new ApiError("The server's answer cannot be read.", { status: response.status, detail: String(error.message) })
  }
}

/** Reads events of a stream, or lines of JSON, whichever the server sends. Ends with the stream; a broken connection throws an ApiError with status 0. */
async function* stream(path, options = {}) {
  const response = await request(path, { ...options, headers: { Accept: "text/event-stream", ...options.headers } })
  options.onOpen?.(response)
  const lines = response.headers.get("content-type")?.includes("ndjson") ? asObjects : asEvents
  try {
    yield* lines(split(response.body))
  } catch (error) {
    throw error instanceof ApiError ? error : unreachable(error)
  }
}

/** Yields lines. Only new text is searched for line ends, so that a long line costs linear time. */
async function* split(body) {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let parts = [], size = 0
  try {
    while (true) {
      const { done, value } = await reader.read()
      const chunk = done ? decoder.decode() : decoder.decode(value, { stream: true })
      let from = 0
      for (let end; (end = chunk.indexOf("\n", from)) >= 0; from = end + 1) {
        parts.push(chunk.slice(from, end))
        const line = parts.join("")
        parts = []
        size = 0
        yield line.endsWith("\r") ? line.slice(0, -1) : line
      }
      if (from < chunk.length) { parts.push(chunk.slice(from)); size += chunk.length - from }
      if (size > MAX_LINE) throw new ApiError("The server sent a line that is too long.")
      if (done) break
    }
    if (parts.length > 0) yield parts.join("")
  } finally {
    reader.cancel().catch(() => {})
  }
}

async function* asObjects(lines) {
  for await (const line of lines) if (line.trim() !== "") yield { event: "message", data: parsed(line), id: null }
}

async function* asEvents(lines) {
  let event = "message", data = [], id = null
  for await (const line of lines) {
    if (line === "") {
      if (data.length > 0) {
        const whole = data.join("\n")
        if (whole !== "[DONE]") yield { event, data: parsed(whole), id }
      }
      event = "message"
      data = []
    } else if (line.startsWith(":")) yield { event: "comment", comment: line.slice(1).trim(), data: null, id }
    else {
      const colon = line.indexOf(":")
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "")
      if (name === "data") data.push(value)
      else if (name === "event") event = value
      else if (name === "id") id = value
    }
  }
}

function parsed(source) {
  try { return JSON.parse(source) } catch { return source }
}

export const api = { request, json, stream, base }
