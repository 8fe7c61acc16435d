// The record of usage by day: requests to the API, sums, and names of keys.
import { api } from "../api.js"

const DAY = 86400
const PAGE = 31

export const measures = {
  tokens: { text: "Tokens", of: sums => sums.input + sums.output },
  requests: { text: "Requests", of: sums => sums.requests },
  compute: { text: "Computing time", of: sums => sums.compute },
  errors: { text: "Errors", of: sums => sums.errors },
}

export const groups = { model: "Model", api_key_id: "Key", user_id: "End user" }

const none = () => ({ requests: 0, errors: 0, input: 0, cached: 0, output: 0, reasoning: 0, compute: 0 })

function add(sums, result) {
  const own = result.shimmy ?? {}
  sums.requests += result.num_model_requests ?? 0
  sums.errors += own.errors ?? 0
  sums.input += result.input_tokens ?? 0
  sums.cached += result.input_cached_tokens ?? 0
  sums.output += result.output_tokens ?? 0
  sums.reasoning += own.reasoning_tokens ?? 0
  sums.compute += own.compute_seconds ?? 0
}

/** Returns the usage of the last `days` days: { days: [{ start, sums, groups: Map }], groups: Map, sums }. Groups are sums by name, the largest first. */
export async function usage(days, group, signal, path = "v1/organization/usage") {
  const start = (Math.floor(Date.now() / 1000 / DAY) - days + 1) * DAY
  const whole = { days: Array.from({ length: days }, (_, index) => ({ start: start + index * DAY, sums: none(), groups: new Map() })), groups: new Map(), sums: none() }
  for (const kind of ["completions", "embeddings"]) {
    let page = null
    do {
      const answer = await api.json(`${path}/${kind}`, { query: { start_time: start, limit: Math.min(PAGE, days), "group_by[]": group, page }, signal })
      for (const bucket of answer.data ?? []) {
        const day = whole.days[Math.round((bucket.start_time - start) / DAY)]
        if (!day) continue
        for (const result of bucket.results ?? []) {
          const name = result[group] ?? ""
          for (const map of [day.groups, whole.groups]) {
            if (!map.has(name)) map.set(name, none())
            add(map.get(name), result)
          }
          add(day.sums, result)
          add(whole.sums, result)
        }
      }
      page = answer.has_more ? answer.next_page : null
    } while (page)
  }
  return whole
}

/** Returns the keys of the server. */
export async function keys(signal) {
  const all = []
  let after = null
  do {
    const answer = await api.json("v1/organization/admin_api_keys", { query: { limit: 100, after }, signal })
    all.push(...answer.data ?? [])
    after = answer.has_more ? answer.last_id : null
  } while (after)
  return all
}
