// The engine's state in one form, and its recent history. A server may send only parts of it: what is unknown is null.

const number = value => typeof value === "number" && Number.isFinite(value) ? value : null
const first = (...values) => values.find(value => value !== null && value !== undefined) ?? null
const list = value => Array.isArray(value) ? value.filter(each => each !== null && typeof each === "object") : []
const text = value => typeof value === "string" && value !== "" ? value : null

/** The most sequences of a model that the view shows. */
export const MOST_SEQUENCES = 40

/** - data: an event of `GET /admin/events`, or the answer of `GET /v1/engine`. */
export function serverState(data) {
  const source = data?.engine ?? data ?? {}
  const names = new Map(list(source.server?.owners).filter(owner => text(owner.name)).map(owner => [owner.id, owner.name]))
  return {
    // Milliseconds of the server's clock: events can arrive late.
    time: number(data?.time) === null ? performance.now() : data.time * 1000,
    memory: { budget: number(source.memory?.budget), used: number(source.memory?.used) },
    waiting: number(source.waiting) ?? 0,
    models: list(source.data).slice(0, 32).map(each => model(each, names)),
    upstreams: list(data?.upstreams).slice(0, 64),
    server: source.server ?? null,
    process: { cpu: number(data?.process?.cpu_seconds), resident: number(data?.process?.resident_bytes), started: number(data?.process?.started) },
    // The seconds until the first part of the answers that ended since the last event.
    firsts: list(data?.requests).map(request => number(request.first_ms)).filter(value => value !== null).map(value => value / 1000),
  }
}

function model(source, names) {
  const memory = source.memory ?? {}
  const steps = source.steps ?? {}
  const count = number(steps.count) ?? 0
  const recent = list(source.recent_steps)
  return {
    id: text(source.model) ?? "unknown",
    state: text(source.state) ?? "loaded",
    progress: number(source.progress),
    context: number(source.context_length),
    pinned: source.pinned === true,
    memory: ["weights", "kv", "compute", "grammars"].map(name => ({ name, bytes: number(memory[name]) ?? 0 })),
    devices: devices(memory.devices),
    running: number(source.running) ?? 0,
    runningLimit: number(source.running_limit),
    waiting: number(source.waiting) ?? 0,
    cells: cells(source, names),
    generated: number(source.generated_tokens) ?? 0,
    prompts: number(source.prefix_cache?.computed_tokens) ?? 0,
    preemptions: number(source.pauses) ?? 0,
    stepCount: count,
    totalSeconds: number(steps.seconds) ?? 0,
    target: number(source.stream_gap) || null,
    // The newest step has the number of the count.
    recent: recent.map((each, index) => ({
      id: count - recent.length + index + 1, seconds: number(each.seconds) ?? 0, prefill: number(each.prefill_rows) ?? 0, decode: number(each.decode_rows) ?? 0,
    })),
    sequences: list(source.sequences).map(each => sequence(each, names)),
  }
}

/** Devices with their bytes: an object of names, or a list. */
function devices(source) {
  if (Array.isArray(source)) return list(source).map(each => ({ name: text(each.device ?? each.name) ?? "unknown", bytes: number(each.bytes) ?? 0 }))
  return Object.entries(source ?? {}).map(([name, bytes]) => ({ name, bytes: number(bytes) ?? 0 }))
}

/** The name of an owner: that of its key, its address, or the first digits of a key without a name. */
function ownerName(owner, names) {
  const id = text(owner)
  if (id === null) return null
  return names.get(id) ?? (/^[0-9a-f]{16,}$/.test(id) ? `key ${id.slice(0, 8)}` : id)
}

function sequence(source, names) {
  return {
    id: String(source.id ?? ""),
    owner: ownerName(source.owner, names),
    stage: text(source.stage) ?? "waiting",
    prompt: number(source.prompt_tokens) ?? 0,
    cached: number(source.cached_tokens) ?? 0,
    computed: number(source.computed_tokens) ?? 0,
    generated: number(source.generated_tokens) ?? 0,
    flex: source.flex === true,
  }
}

/**
 * Returns the use of the KV cache as groups of cells that the same sequences use, a prefix before what follows it. `root` is the same for all groups that
 * begin alike. `slots` counts sequences and idle prefixes, `running` only sequences.
 */
function cells(source, names) {
  const used = number(source.cells?.used) ?? 0
  const total = number(source.cells?.total)
  const segments = list(source.segments).slice(0, 256)
  const groups = segments.length > 0 ? inOrder(segments, names) : list(source.sequences).filter(each => number(each.slot) !== null).map(each => (
    { root: `sequence ${each.id}`, cells: number(each.computed_tokens) ?? 0, slots: 1, running: 1, owners: [] }))
  // Small segments and idle prefixes can be missing; and without segments, sequences can share cells.
  let left = used
  for (const group of groups) {
    group.cells = Math.max(0, Math.min(left, group.cells))
    left -= group.cells
  }
  if (left > 0) groups.push({ root: null, cells: left, slots: 1, running: 0, owners: [] })
  return { used, total, shared: number(source.shared_cells), groups: groups.filter(group => group.cells > 0) }
}

function inOrder(segments, names) {
  const known = new Set(segments.map(each => each.id))
  const children = new Map()
  for (const each of segments) {
    const parent = known.has(each.parent) && each.parent !== each.id ? each.parent : null
    children.set(parent, [...children.get(parent) ?? [], each])
  }
  for (const siblings of children.values()) siblings.sort((one, other) => other.running - one.running || other.cells - one.cells || one.id - other.id)
  const groups = []
  const rest = (children.get(null) ?? []).map(each => [each, each.id]).reverse()
  while (rest.length > 0 && groups.length < segments.length) {
    const [each, root] = rest.pop()
    groups.push({
      root, cells: number(each.cells) ?? 0, slots: number(each.slots) ?? 1, running: number(each.running) ?? 0,
      owners: (Array.isArray(each.owners) ? each.owners : []).map(owner => ownerName(owner, names)),
    })
    for (const child of (children.get(each.id) ?? []).reverse()) rest.push([child, root])
  }
  return groups
}

/** Samples of a model's counters, from which the rates follow. */
export class Track {
  static length = 150
  #last = null
  #steps = new Map()
  samples = []

  add(model, time) {
    const last = this.#last
    this.#last = { model, time }
    if (last !== null && model.stepCount < last.model.stepCount) this.#steps.clear()
    this.#note(model, last)
    if (last === null || time <= last.time || model.generated < last.model.generated) return
    const seconds = (time - last.time) / 1000
    this.samples.push({
      time, tokens: (model.generated - last.model.generated) / seconds, prompts: Math.max(0, model.prompts - last.model.prompts) / seconds,
      preempted: model.preemptions > last.model.preemptions,
    })
    if (this.samples.length > Track.length) this.samples.shift()
  }

  /** Keeps the recent steps: those that the server sends, or the mean step since the last state. */
  #note(model, last) {
    if (model.recent.length > 0) {
      for (const step of model.recent) this.#steps.set(step.id, step)
    } else if (last !== null && model.stepCount > last.model.stepCount) {
      const count = model.stepCount - last.model.stepCount
      this.#steps.set(model.stepCount, {
        seconds: (model.totalSeconds - last.model.totalSeconds) / count, prefill: Math.max(0, model.prompts - last.model.prompts) / count,
        decode: Math.max(0, model.generated - last.model.generated) / count,
      })
    }
    while (this.#steps.size > Track.length) this.#steps.delete(this.#steps.keys().next().value)
  }

  get steps() { return [...this.#steps.values()] }

  /** The mean seconds of the last steps; null without steps. */
  get stepSeconds() {
    const last = this.steps.slice(-8)
    return last.length === 0 ? null : last.reduce((sum, step) => sum + step.seconds, 0) / last.length
  }

  /** Returns the mean of a rate over the last samples. */
  rate(name, samples = 3) {
    const last = this.samples.slice(-samples).map(sample => sample[name]).filter(value => value !== null)
    return last.length === 0 ? null : last.reduce((sum, value) => sum + value, 0) / last.length
  }

  get wasPreempted() { return this.samples.slice(-10).some(sample => sample.preempted) }
}

// Milliseconds: the server sends a state each second.
const GAP = 2500

/** Times of sequences as this page saw them: when one appeared, and its first token. */
export class Sightings {
  #seen = new Map()
  #last = null
  firsts = []

  update(models, time) {
    const present = new Set()
    // What is there after a gap began at an unknown time within it.
    const isGap = this.#last === null || time - this.#last > GAP
    this.#last = time
    for (const model of models) {
      for (const sequence of model.sequences) {
        const key = `${model.id}/${sequence.id}`
        present.add(key)
        let seen = this.#seen.get(key)
        if (!seen) this.#seen.set(key, seen = { time, first: sequence.generated > 0 ? time : null, late: isGap || sequence.generated > 0, last: null, rate: null })
        if (seen.first === null && sequence.generated > 0) {
          seen.first = time
          if (!seen.late) this.firsts.push((time - seen.time) / 1000)
          if (this.firsts.length > 100) this.firsts.shift()
        }
        if (seen.last && time > seen.last.time) {
          const rate = (sequence.generated - seen.last.generated) * 1000 / (time - seen.last.time)
          seen.rate = seen.rate === null ? rate : seen.rate * 0.6 + rate * 0.4
        }
        seen.last = { time, generated: sequence.generated }
        sequence.age = (time - seen.time) / 1000
        sequence.isOlder = seen.late
        sequence.rate = seen.first === null || sequence.stage !== "decode" ? null : seen.rate
      }
    }
    for (const key of this.#seen.keys()) if (!present.has(key)) this.#seen.delete(key)
  }
}
