// Downloads from the hub. They belong to the page, not to the view: they run on while another view is open, and the names of unfinished ones stay in
// this browser, so that a reload offers to resume them.
import { api, ApiError } from "../api.js"
import { settings } from "../storage.js"

const KEPT = "pulls"
const WINDOW = 8000

/** Tells "change" when a download has news, and "done" with the model's name in `detail` when one is complete. */
class Pulls extends EventTarget {
  #all = new Map()
  /** Why this person may not pull; null if they may, or if nobody knows yet. */
  refused = null

  constructor() {
    super()
    for (const each of settings.get(KEPT, [])) {
      if (typeof each?.name !== "string") continue
      this.#all.set(each.name, { name: each.name, state: "paused", completed: number(each.completed), total: number(each.total), samples: [] })
    }
  }

  get all() { return [...this.#all.values()] }
  get running() { return this.all.filter(pull => pull.control) }

  /** Starts or resumes a download. The server continues with the data that it already has. */
  async start(name) {
    if (this.#all.get(name)?.control) return
    const before = this.#all.get(name)
    const pull = {
      name, state: "starting", file: "", completed: before?.completed ?? 0, total: before?.total ?? 0, samples: [], error: null, control: new AbortController(),
    }
    this.#all.set(name, pull)
    this.#tell()
    try {
      let model = null
      for await (const { event, data } of api.stream("v1/models/pull", { body: { model: name, stream: true }, signal: pull.control.signal })) {
        if (event === "comment" || typeof data !== "object" || data === null) continue
        if (data.error) throw new ApiError(String(data.error.message ?? data.error), { code: data.error.code ?? null })
        if (data.status === "success") model = String(data.model ?? name)
        else this.#progress(pull, data)
      }
      if (model === null) throw new ApiError("The connection ended before the download was complete.")
      pull.control = null
      this.#all.delete(name)
      this.#tell()
      this.dispatchEvent(new CustomEvent("done", { detail: model }))
    } catch (error) {
      pull.control = null
      // A download that the server does not allow cannot be resumed. The hub can refuse a single model.
      if (error.status === 403 && error.code !== "hub_unauthorized") {
        this.refused = error.message
        if (this.#all.get(name) === pull) this.#all.delete(name)
        this.#tell()
        return void this.dispatchEvent(new CustomEvent("refused", { detail: error.message }))
      }
      pull.state = error.aborted ? "paused" : "failed"
      pull.error = error.aborted ? null : error
      if (this.#all.get(name) === pull) this.#tell()
    }
  }

  pause(name) { this.#all.get(name)?.control?.abort() }

  /** Removes a download from the list. Data that has arrived stays with the server, which uses it if the download starts again. */
  forget(name) {
    this.#all.get(name)?.control?.abort()
    this.#all.delete(name)
    this.#tell()
  }

  #progress(pull, data) {
    pull.state = String(data.status ?? "downloading")
    pull.file = String(data.file ?? "")
    pull.completed = number(data.completed)
    pull.total = number(data.total)
    const now = performance.now()
    pull.samples.push([now, pull.completed])
    while (pull.samples.length > 2 && now - pull.samples[0][0] > WINDOW) pull.samples.shift()
    this.#tell()
  }

  #tell() {
    settings.set(KEPT, this.all.map(({ name, completed, total }) => ({ name, completed, total })))
    this.dispatchEvent(new Event("change"))
  }
}

const number = value => typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0

/** Returns the bytes of a second, over the last seconds; null if not known yet. */
export function speed(pull) {
  const [first, last] = [pull.samples.at(0), pull.samples.at(-1)]
  if (!first || last[0] - first[0] < 500) return null
  return Math.max(0, (last[1] - first[1]) / (last[0] - first[0]) * 1000)
}

export const pulls = new Pulls()
addEventListener("shimmy:key", () => { pulls.refused = null })
addEventListener("beforeunload", event => { if (pulls.running.length > 0) event.preventDefault() })
