// One answer: the request, its events, stopping, and resuming after a lost connection. It continues while other views are open.
import { api, ApiError } from "../api.js"
import { inputOf } from "./conversation.js"

const TRIES = 6, LONGEST_STOP = 5000
const running = new Map()
const listeners = new Set()

/** Calls `listener(conversation, node)` whenever an answer grows or ends. */
export function onProgress(listener, signal) {
  listeners.add(listener)
  signal?.addEventListener("abort", () => listeners.delete(listener))
}

const report = (conversation, node) => { for (const listener of listeners) listener(conversation, node) }
export const isRunning = node => running.has(node.id)
export const isBusy = id => [...running.values()].some(each => each.conversation.id === id)
/** Returns the conversation of this page that has an answer in progress, so that a view shows the same objects. */
export const live = id => [...running.values()].find(each => each.conversation.id === id)?.conversation

/** Stops all answers of a conversation. */
export const stopAll = conversation => Promise.all([...running.values()].filter(each => each.conversation.id === conversation.id).map(each => each.stop()))

/** Returns the fields of a request for the settings of a conversation and the facts about its model. */
export function fields(settings, model) {
  const body = { model: model?.id }
  if (settings.system?.trim()) body.instructions = settings.system
  const recommended = model?.shimmy?.sampling ?? {}
  for (const name of ["temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed", "max_output_tokens"]) {
    const value = settings[name] ?? recommended[name]
    if (typeof value === "number" && Number.isFinite(value)) body[name] = value
  }
  if (settings.effort) body.reasoning = { effort: settings.effort }
  if (settings.format === "json") body.text = { format: { type: "json_object" } }
  if (settings.format === "schema") body.text = { format: { type: "json_schema", name: "answer", strict: false, schema: JSON.parse(settings.schema) } }
  if (settings.format === "grammar") body.grammar = settings.grammar
  if (settings.format === "regex") body.regex = settings.regex
  const tools = (settings.tools ?? []).filter(tool => tool.on !== false)
  if (tools.length > 0) {
    body.tools = tools.map(({ name, description, parameters }) => ({ type: "function", name, description, parameters: parameters ?? { type: "object", properties: {} }, strict: false }))
    if (settings.toolChoice) body.tool_choice = settings.toolChoice
  }
  return body
}

export class Answer {
  constructor(conversation, node) {
    Object.assign(this, { conversation, node, began: performance.now(), firstAt: null, lastAt: null, deltas: 0, saved: 0, items: new Map() })
    this.control = new AbortController()
    running.set(node.id, this)
  }

  static of(node) { return running.get(node.id) }

  /** Sends the request and reads the answer to its end. Never throws: the node has the error. */
  async run(body) {
    const { node } = this
    Object.assign(node, { status: "running", error: null, background: body.background === true })
    try {
      await this.#read(() => api.stream("v1/responses", { body: { ...body, stream: true }, signal: this.control.signal }))
    } catch (error) {
      await this.#failed(error)
    }
    await this.#end()
  }

  /** Reads the rest of a background response, for example after the page was loaded again. */
  async resume() {
    this.node.status = "running"
    this.node.note = "Resuming…"
    this.isResumed = true
    report(this.conversation, this.node)
    try { await this.#again() } catch (error) { await this.#failed(error, false) }
    await this.#end()
  }

  /** Extends the last text of the answer with chat completions, which can continue a message. */
  async extend(messages, settings) {
    const { node } = this
    Object.assign(node, { status: "running", error: null, background: false, usage: null, counted: null })
    const item = node.items.findLast(each => each.type === "text")
    const { instructions, max_output_tokens, reasoning, text, tools, tool_choice, ...rest } = settings
    const body = { ...rest, messages, continue_final_message: true, stream: true, stream_options: { include_usage: true }, store: false }
    if (max_output_tokens) body.max_tokens = max_output_tokens
    try {
      for await (const { data } of api.stream("v1/chat/completions", { body, signal: this.control.signal })) {
        if (data?.error) throw new ApiError(data.error.message ?? "The server ended the answer.")
        const choice = data?.choices?.[0]
        if (choice?.delta?.content) { item.text += choice.delta.content; this.#delta() }
        if (choice?.finish_reason) node.status = choice.finish_reason === "length" ? "length" : "done"
        if (data?.usage) {
          node.usage = { input: data.usage.prompt_tokens, cached: data.usage.prompt_tokens_details?.cached_tokens ?? 0, output: data.usage.completion_tokens, reasoning: 0 }
        }
      }
      if (node.status === "running") throw new ApiError("The connection ended within the answer.", { code: "unreachable" })
    } catch (error) {
      await this.#failed(error, false)
    }
    await this.#end()
  }

  /** Stops the answer; a background response is cancelled at the server, too. */
  async stop() {
    const { node } = this
    if (this.stopped) return
    this.stopped = true
    if (node.background && !node.response && node.status === "running") {
      // Without its ID it could not be cancelled, and would run on at the server. The first event has the ID.
      node.note = "Stopping…"
      report(this.conversation, node)
      setTimeout(() => this.control.abort(), LONGEST_STOP)
      return
    }
    await this.#cancel()
  }

  async #cancel() {
    const { node } = this
    if (node.background && node.response) {
      try { await api.json(`v1/responses/${node.response}/cancel`, { method: "POST", body: {} }) } catch { /* It has ended meanwhile. */ }
    }
    this.control.abort()
  }

  /** Ends an answer that could not be requested. */
  async refuse(error) {
    await this.#failed(error, false)
    await this.#end()
  }

  async #read(open) {
    for await (const { data, event, comment } of open()) {
      if (event === "comment") { this.#comment(comment); continue }
      if (data && typeof data === "object") this.#event(data)
      if (this.node.status !== "running") return
    }
    if (this.node.status === "running") throw new ApiError("The connection ended within the answer.", { code: "unreachable" })
  }

  #comment(text) {
    const note = text?.startsWith("loading") ? `Loading the model: ${text.split(" ").slice(-2).join(" ")}` : null
    if (note !== this.node.note && note) { this.node.note = note; report(this.conversation, this.node) }
  }

  async #again() {
    const { node } = this
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#read(() => api.stream(`v1/responses/${node.response}`, { query: { stream: true, starting_after: node.sequence ?? 0 }, signal: this.control.signal }))
      } catch (error) {
        if (error.aborted || error.status !== 0 || attempt >= TRIES) throw error
        node.note = `The connection is lost. Trying again (${attempt + 1} of ${TRIES})…`
        report(this.conversation, node)
        await new Promise(resolve => setTimeout(resolve, Math.min(8000, 500 * 2 ** attempt)))
        if (this.control.signal.aborted) throw new ApiError("Stopped.", { aborted: true })
      }
    }
  }

  async #failed(error, resumable = true) {
    const { node } = this
    if (error.aborted || this.stopped) { node.status = "stopped"; return }
    if (resumable && error.status === 0 && node.background && node.response && error instanceof ApiError) {
      try { return await this.#again() } catch (other) { return this.#failed(other, false) }
    }
    if (!(error instanceof ApiError)) console.error(error)
    node.status = "failed"
    node.error = { message: error instanceof ApiError ? error.message : "The page could not show this answer.", code: error.code ?? null, retryAfter: error.retryAfter ?? null, lost: error.status === 0 }
  }

  #event(event) {
    const { node } = this
    if (Number.isInteger(event.sequence_number)) node.sequence = event.sequence_number
    const item = () => this.#item(event.item_id, event.output_index)
    switch (event.type) {
    case "response.created": node.response = event.response?.id ?? null; this.#save(); if (this.stopped) this.#cancel(); break
    case "response.queued": node.note = "Waiting for a free place…"; break
    case "response.in_progress": node.note = null; break
    case "response.output_item.added": this.#added(event.item, event.output_index); break
    case "response.output_text.delta": case "response.refusal.delta": item().text += event.delta; break
    case "response.reasoning_text.delta": case "response.reasoning_summary_text.delta": item().text += event.delta; break
    case "response.function_call_arguments.delta": item().arguments += event.delta; break
    case "response.output_item.done": this.#done(event.item, event.output_index); break
    case "response.completed": this.#final(event.response, "done"); break
    case "response.incomplete": this.#final(event.response, event.response?.status === "cancelled" ? "stopped" : "length"); break
    case "response.failed": this.#final(event.response, "failed"); break
    case "error": node.error = { message: event.message ?? event.error?.message ?? "The server ended the answer with an error.", code: event.code ?? null }; break
    }
    if (event.type?.endsWith(".delta")) this.#delta()
    else report(this.conversation, node)
  }

  #delta() {
    const now = performance.now()
    this.firstAt ??= now
    this.lastAt = now
    this.deltas += 1
    if (now - this.saved > 1500) { this.saved = now; this.#save() }
    report(this.conversation, this.node)
  }

  #item(id, index) {
    const found = this.items.get(index) ?? this.node.items.find(each => each.id === id)
    if (found) return found
    return this.#added({ id, type: "message" }, index)
  }

  #added(item, index) {
    const { node } = this
    const kind = { reasoning: "reasoning", function_call: "call", custom_tool_call: "call" }[item?.type] ?? "text"
    const known = node.items.find(each => each.id === item?.id)
    const entry = known ?? { id: item?.id, type: kind, text: "" }
    if (kind === "call" && !known) Object.assign(entry, { call: item.call_id, name: item.name, arguments: "" })
    if (kind === "reasoning") entry.began ??= Date.now()
    if (!known) node.items.push(entry)
    this.items.set(index, entry)
    return entry
  }

  #done(item, index) {
    const entry = this.#item(item?.id, index)
    if (entry.type === "text" && Array.isArray(item?.content)) entry.text = item.content.map(part => part.text ?? part.refusal ?? "").join("")
    if (entry.type === "call") Object.assign(entry, { call: item.call_id, name: item.name, arguments: item.arguments ?? item.input ?? entry.arguments, cut: item.status === "incomplete" })
    if (entry.type === "reasoning") entry.seconds = (Date.now() - (entry.began ?? Date.now())) / 1000
  }

  #final(response, status) {
    const { node } = this
    node.status = status
    node.outputs = response?.output?.length ?? 0
    const usage = response?.usage
    if (usage) node.usage = { input: usage.input_tokens, cached: usage.input_tokens_details?.cached_tokens ?? 0, output: usage.output_tokens, reasoning: usage.output_tokens_details?.reasoning_tokens ?? 0 }
    if (status === "failed" && !node.error) node.error = { message: response?.error?.message ?? "The server could not finish this answer.", code: response?.error?.code ?? null }
  }

  #save() { this.conversation.save([this.node], { touch: false }).catch(() => {}) }

  async #end() {
    const { node } = this
    node.note = null
    const first = this.firstAt === null ? null : (this.firstAt - this.began) / 1000
    const spent = this.firstAt === null ? null : (this.lastAt - this.firstAt) / 1000
    const tokens = node.usage?.output ?? this.deltas
    // After a reload, the page has seen neither the beginning nor the pace.
    node.times = this.isResumed ? null : { first, total: (performance.now() - this.began) / 1000, rate: spent > 0.02 && tokens > 1 ? (tokens - 1) / spent : null }
    running.delete(node.id)
    try { await this.conversation.save([node]) } catch (error) { node.unsaved = String(error.message) }
    report(this.conversation, node)
    if (node.status === "stopped" && !node.usage) await this.#count()
  }

  /** Asks for the tokens up to the end of an answer that was stopped, because the server reports none for it. */
  async #count() {
    const { conversation, node } = this
    const { system } = conversation.record.settings
    try {
      const body = { model: node.model, input: inputOf(conversation.path(node.id), []), ...system?.trim() ? { instructions: system } : {} }
      node.counted = (await api.json("v1/responses/input_tokens", { body, ask: false, signal: AbortSignal.timeout(5000) })).input_tokens
      await conversation.save([node], { touch: false })
    } catch { /* The number of the answer before stays. */ }
  }
}
