// A request in one form. What a server does not send is null. Times are seconds from the request's arrival.

const number = value => typeof value === "number" && Number.isFinite(value) ? value : null
const text = value => typeof value === "string" && value !== "" ? value : null
const list = value => Array.isArray(value) ? value.filter(each => each !== null && typeof each === "object") : []
const time = value => number(value) === null ? null : value / 1000

/** - source: a request of `GET /admin/requests` or `GET /admin/requests/{id}`. */
export function record(source) {
  return {
    number: number(source.number) ?? 0,
    id: String(source.id ?? ""),
    at: number(source.time),
    method: text(source.method) ?? "POST",
    path: text(source.endpoint),
    api: text(source.api),
    client: text(source.address),
    key: text(source.key),
    model: text(source.model),
    stream: source.stream === true,
    status: number(source.status),
    end: text(source.end),
    error: text(source.error),
    prompt: number(source.prompt_tokens),
    cached: number(source.cached_tokens),
    output: number(source.completion_tokens),
    begun: time(source.queue_ms), first: time(source.first_ms), answered: time(source.answered_ms), total: time(source.total_ms),
    inspected: source.inspected === true,
    phases: list(source.phases).map(phase => ({ name: text(phase.name) ?? "", from: time(phase.start_ms) ?? 0, to: time(phase.end_ms) ?? 0 })),
  }
}

/** Whether the request was one for an answer. */
export const isAnswer = one => one.begun !== null || one.output !== null || one.prompt !== null

const notes = {
  queue: "until the engine began, including the load of the model", prefill: "until the first part of the answer", decode: "until the end of the answer",
  send: "until the client had all of it",
}
export const titles = { queue: "Waiting", prefill: "Prompt", decode: "Answer", send: "Sending", work: "Work" }

/** Returns the parts of the request's time: `{ name, title, note, from, to }`. */
export function parts(one) {
  const found = one.phases.length > 0 ? one.phases : fromMoments(one)
  const end = found.at(-1)?.to ?? 0
  // The end of the response can be later than that of the answer.
  const all = one.total !== null && one.total - end > Math.max(0.005, one.total * 0.01) ? [...found, { name: found.length > 0 ? "send" : "work", from: end, to: one.total }] : found
  return all.map(part => ({ ...part, title: titles[part.name] ?? part.name, note: notes[part.name] ?? "" }))
}

function fromMoments({ begun, first, answered, total }) {
  if (begun === null) return []
  const end = Math.max(begun, answered ?? total ?? begun)
  const token = Math.min(end, Math.max(begun, first ?? end))
  return [{ name: "queue", from: 0, to: begun }, { name: "prefill", from: begun, to: token }, { name: "decode", from: token, to: end }]
    .filter(part => part.to > part.from || part.name === "queue")
}

/** Says where most of the time went; null if no part took most of it. */
export function verdict(one) {
  const all = parts(one)
  const total = all.at(-1)?.to ?? 0
  if (all.length < 2 || total <= 0) return null
  const longest = all.reduce((left, right) => right.to - right.from > left.to - left.from ? right : left)
  if ((longest.to - longest.from) / total < 0.5) return null
  const computed = one.prompt === null ? 0 : Math.max(0, one.prompt - (one.cached ?? 0))
  switch (longest.name) {
  case "queue": return "Most of the time passed before the engine began: other requests ran, or the model was loading."
  case "prefill": return computed > 0 ? `Most of the time went into the prompt: ${computed} of its ${one.prompt} tokens had to be computed.` : "Most of the time went into the prompt."
  case "decode": return "Most of the time went into the answer, token by token."
  case "send": return "Most of the time passed after the answer was complete: the client read it slowly."
  default: return null
  }
}

/** Returns the prompts with their tokens as texts: `{ tokens, cached, count, cut }`. `cached` is null if it is unknown. */
export function prompts(source) {
  return list(source.prompts).map(prompt => ({
    tokens: Array.isArray(prompt.pieces) && prompt.pieces.length > 0 ? prompt.pieces.map(String) : [text(prompt.text) ?? ""],
    cached: number(prompt.cached_tokens), count: number(prompt.tokens), cut: prompt.cut === true,
  }))
}

/** Returns the body as `{ text, value, cut }`, where `value` is its JSON or null; null if the server keeps no body. */
export function body(source) {
  const kept = text(source.body?.text)
  if (kept === null) return null
  let value = null
  try {
    value = JSON.parse(kept)
    // What is nested too deeply to be written again stays text.
    JSON.stringify(value, null, 1)
  } catch { value = null /* It is cut, or no JSON. */ }
  return { text: kept, value, cut: source.body.cut === true }
}

/** Returns the answers: `{ index, content, reasoning, calls, cut }`. */
export function answers(source) {
  return list(source.answers).map(answer => ({
    index: number(answer.index) ?? 0, content: text(answer.content?.text), reasoning: text(answer.reasoning?.text), calls: text(answer.calls?.text),
    cut: [answer.content, answer.reasoning, answer.calls].some(part => part?.cut === true),
  }))
}
