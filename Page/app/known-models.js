// The server's models, kept for a short time so that views share one request.
import { api } from "./api.js"

const KEPT = 30_000
let list = null
const details = new Map()
addEventListener("shimmy:key", () => { list = null; details.clear() })

export const models = {
  /** Returns the models of the server with Shimmy's facts about each. */
  async list({ fresh = false } = {}) {
    if (fresh) details.clear()
    if (fresh || list === null || Date.now() - list.at > KEPT) {
      const data = api.json("v1/models").then(answer => Array.isArray(answer?.data) ? answer.data : [])
      const entry = { at: Date.now(), data }
      list = entry
      data.catch(() => { if (list === entry) list = null })
    }
    return list.data
  },
  /** Returns what the model can do and its recommended parameters. */
  async show(id) {
    if (!details.has(id)) {
      const answer = api.json("api/show", { body: { model: id } })
      details.set(id, answer)
      answer.catch(() => details.delete(id))
    }
    return details.get(id)
  },
}
