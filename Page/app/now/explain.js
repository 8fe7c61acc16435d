// Says in words why requests are as fast as they are. Pure functions of the state, so that the sentences can be tested.
import { count, rate, seconds } from "../format.js"

const some = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`

/** Returns sentences, the most important one first: `{ kind: "bad" | "warn" | "good" | "note", text }`. */
export function explain(state, tracks) {
  const sentences = []
  const add = (kind, text) => sentences.push({ kind, text })
  for (const model of state.models) about(model, tracks.get(model.id), add)
  const loading = state.models.filter(model => model.state === "loading").length
  if (state.waiting > 0) {
    add("warn", loading > 0 ? `${some(state.waiting, "request waits", "requests wait")} for a model to load.`
      : `${some(state.waiting, "request waits", "requests wait")} for memory: the models in use fill the budget.`)
  }
  const workers = state.server?.workers
  if (workers?.waiting > 0) add("warn", `${some(workers.waiting, "request waits", "requests wait")} to be read and tokenized: all ${workers.threads} threads are busy.`)
  for (const upstream of state.upstreams) {
    if (upstream.healthy === false) add("warn", `The upstream ${upstream.name} does not answer${upstream.obstacle ? `: ${upstream.obstacle}` : "."}`)
  }
  if (sentences.length === 0) add("good", state.models.length > 0 ? "Nothing is running. The next request starts at once." : "No model is loaded. The first request for one loads it.")
  const order = { bad: 0, warn: 1, note: 2, good: 3 }
  return sentences.sort((one, other) => order[one.kind] - order[other.kind]).slice(0, 6)
}

function about(model, track, add) {
  if (model.state === "loading") return add("note", `${model.id} is loading${model.progress === null ? "" : ` (${Math.round(model.progress * 100)} %)`}.`)
  const streams = model.sequences.filter(each => each.stage === "decode").length
  const prompts = model.sequences.filter(each => each.stage === "prefill")
  const waiting = model.sequences.filter(each => each.stage === "waiting")
  if (model.waiting > 0) add("warn", `${some(model.waiting, "sequence waits", "sequences wait")} ${obstacle(model)}${longest(waiting)}`)
  const left = prompts.reduce((sum, each) => sum + Math.max(0, each.prompt - each.computed), 0)
  const speed = track?.rate("prompts", 5)
  const time = speed > 0 ? `, about ${seconds(left / speed)}` : ""
  if (prompts.length > 0 && streams > 0) {
    add("note", `${some(prompts.length, "prompt shares its steps", "prompts share their steps")} with ${some(streams, "answer", "answers")}: ${some(left, "token remains", "tokens remain")}${time}.`)
  } else if (prompts.length > 0) add("note", `${some(prompts.length, "prompt is", "prompts are")} computed: ${some(left, "token remains", "tokens remain")}${time}.`)
  const slow = track?.stepSeconds
  if (model.target && slow > model.target * 1.2 && streams > 0) {
    add("warn", `A step takes ${seconds(slow)}, and the target between two tokens is ${seconds(model.target)}. ${reason(model, streams, prompts)}`)
  }
  if (track?.wasPreempted) add("warn", "A running sequence had to give its place in the KV cache to another one and computes its tokens again later.")
  const tokens = track?.rate("tokens", 3)
  if (streams > 0 && prompts.length === 0) add("good", `${some(streams, "answer gets a token", "answers get a token")} in each step${tokens > 0 ? `, ${rate(tokens)} tokens/s together` : ""}.`)
}

function reason(model, streams, prompts) {
  if (prompts.length > 0) return "Prompts take a part of each step."
  return streams > 1 ? `${count(streams)} answers share each step.` : "One answer alone needs this time, so the machine is the limit."
}

/** Returns why sequences of a model wait. */
function obstacle(model) {
  if (model.runningLimit !== null && model.running >= model.runningLimit) return model.runningLimit === 1 ? "because one sequence runs at a time." : `because all ${count(model.runningLimit)} places for running sequences are taken.`
  if (model.cells.total && model.cells.used >= model.cells.total * 0.9) return "because the KV cache is full."
  return model.running > 0 ? "until the running ones leave enough cells in the KV cache." : "for the next step."
}

function longest(waiting) {
  const first = waiting.reduce((one, other) => (other.age ?? 0) > (one?.age ?? 0) ? other : one, null)
  return first?.age >= 1 ? ` The first one has waited for ${first.isOlder ? "at least " : ""}${seconds(first.age)}.` : ""
}

/** Returns in few words what a sequence waits for. */
function need(model) {
  if (model.runningLimit !== null && model.running >= model.runningLimit) return "waits for a place"
  return model.running > 0 ? "waits for free cells" : "waits for its first step"
}

/** Returns what a sequence does now. */
export function doing(sequence, model, track) {
  if (sequence.stage === "waiting") return sequence.generated > 0 ? "preempted, resumes later" : need(model)
  if (sequence.stage === "prefill") {
    const left = Math.max(0, sequence.prompt - sequence.computed)
    const speed = track?.rate("prompts", 5)
    return `reads the prompt, ${count(left)} left${speed > 0 && left > 0 ? `, about ${seconds(left / speed)}` : ""}`
  }
  return sequence.rate === null || sequence.rate === undefined ? "writes" : `writes ${rate(sequence.rate)} tokens/s`
}
