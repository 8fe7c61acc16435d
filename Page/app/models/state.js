// The models of the server, and what the engine says about those in memory.
import { api } from "../api.js"
import { models } from "../known-models.js"

const sources = {
  shimmy: "Shimmy's own folder", directory: "A folder of models", file: "A file that the server was started with", huggingface: "Hugging Face's cache", ollama: "Ollama",
  lmstudio: "LM Studio", "llama.cpp": "llama.cpp's cache", jan: "Jan", gpt4all: "GPT4All", upstream: "Another server",
}

/** Returns words for the place of a model. */
export const place = facts => sources[facts.source] ?? String(facts.source ?? "unknown")

/** Whether the person may change models: null as long as it is not known. */
export class State {
  list = []
  engine = null
  admin = null

  async load({ fresh = false } = {}) {
    const [list] = await Promise.all([models.list({ fresh }), this.watch({ ask: true })])
    this.list = list.filter(model => typeof model?.id === "string")
  }

  /** Asks for the state of the engine. Returns whether other models are in memory than before. */
  async watch({ ask = false, signal = null } = {}) {
    const before = this.#loaded()
    try {
      this.engine = await api.json("v1/engine", { ask, signal })
      this.admin = true
    } catch (error) {
      if (error.status !== 403) throw error
      this.admin = false
      this.engine = null
    }
    return before !== this.#loaded()
  }

  #loaded() { return (this.engine?.data ?? []).map(each => `${each.model} ${each.state}`).join("\n") }

  /** Returns the engine's facts about a model in memory; undefined if it is not in memory or the person may not see it. */
  engineOf(id) { return this.engine?.data?.find(each => each.model === id) }

  /** Returns "loading", "loaded", "freeing" or "idle". */
  stage(model) { return this.engineOf(model.id)?.state ?? (model.shimmy?.loaded && this.engine === null ? "loaded" : "idle") }
}

/** Returns the parts of a model's memory: [name, bytes]. Before a load, the estimate has the file's size and the rest. */
export function memoryParts(model, engine) {
  const facts = model.shimmy ?? {}
  if (engine) {
    const { weights = 0, kv = 0, compute = 0, grammars = 0 } = engine.memory ?? {}
    return [["Weights", weights], ["KV cache", kv], ["Buffers", compute], ["Grammars", grammars]].filter(([, size]) => size > 0)
  }
  if (!(facts.memory_bytes > 0)) return []
  const weights = Math.min(facts.size_bytes ?? 0, facts.memory_bytes)
  return [["Weights", weights], ["KV cache and buffers", facts.memory_bytes - weights]].filter(([, size]) => size > 0)
}
