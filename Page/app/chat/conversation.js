// A conversation is a tree of messages: editing or repeating one adds a branch. The path from the root to `record.leaf` is shown.
import { takes } from "./abilities.js"
import { store } from "./store.js"

export const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map(byte => byte.toString(16).padStart(2, "0")).join("")

export class Conversation {
  constructor(record, messages = []) {
    this.record = record
    this.nodes = new Map()
    this.children = new Map()
    this.isRemoved = false
    for (const message of messages.sort((one, other) => one.at - other.at)) this.#insert(message)
  }

  static create({ place = "browser", model = null, settings = {} } = {}) {
    const now = Date.now()
    return new Conversation({ id: newId(), title: "", created: now, updated: now, place, model, settings, leaf: null, server: null, dirty: false })
  }

  static async load(id) {
    const record = await store.conversation(id)
    return record ? new Conversation(record, await store.messages(id)) : null
  }

  get id() { return this.record.id }
  get isEmpty() { return this.nodes.size === 0 }

  #insert(node) {
    this.nodes.set(node.id, node)
    const parent = node.parent ?? null
    if (!this.children.has(parent)) this.children.set(parent, [])
    this.children.get(parent).push(node.id)
  }

  /** Adds a message below `parent` and shows it. */
  add(parent, fields) {
    const node = { conversation: this.id, id: newId(), parent: parent?.id ?? parent ?? null, at: Date.now() + this.nodes.size / 1e6, ...fields }
    this.#insert(node)
    this.record.leaf = node.id
    if (this.record.title === "" && node.role === "user") this.record.title = (node.text.trim() || node.files?.[0]?.name || "").replace(/\s+/g, " ").slice(0, 80)
    return node
  }

  /** Returns the messages from the first to `leaf`. */
  path(leaf = this.record.leaf) {
    const path = [], seen = new Set()
    for (let node = this.nodes.get(leaf); node && !seen.has(node.id); node = this.nodes.get(node.parent)) { seen.add(node.id); path.push(node) }
    return path.reverse()
  }

  siblings(node) {
    return (this.children.get(node.parent ?? null) ?? []).map(id => this.nodes.get(id))
  }

  /** Shows the branch of a message: the latest message below it becomes the leaf. */
  select(node) {
    let leaf = node
    const seen = new Set()
    for (let below = [node.id]; below?.length && !seen.has(below.at(-1)); below = this.children.get(leaf.id)) { leaf = this.nodes.get(below.at(-1)); seen.add(leaf.id) }
    this.record.leaf = leaf.id
    this.record.dirty = true
  }

  /** Returns a new conversation with the messages up to `node`. */
  copy(node) {
    const { place, model, settings, title } = this.record
    const copy = Conversation.create({ place, model, settings: structuredClone(settings) })
    let parent = null
    for (const each of this.path(node.id)) {
      parent = copy.add(parent, { ...structuredClone({ ...each, group: undefined, server: null, response: null }), conversation: copy.id, id: newId(), parent: parent?.id ?? null, at: each.at })
    }
    copy.record.title = `${title} (copy)`
    return copy
  }

  /** Stores the record and the given messages. `touch` moves the conversation to the top of the list. */
  async save(nodes = [], { touch = true } = {}) {
    // The end of an answer must not bring a deleted conversation back.
    if (this.isRemoved) return
    if (touch) this.record.updated = Date.now()
    await store.save(this.record, nodes)
  }
}

/** Returns the settings that new conversations begin with. A second model and the form of an answer belong to one conversation. */
export const lasting = ({ compare, format, schema, grammar, regex, ...rest }) => rest

/** Returns the text of an answer without reasoning and calls. */
export const textOf = node => node.role === "user" ? node.text : (node.items ?? []).filter(item => item.type === "text").map(item => item.text).join("\n\n")
export const callsOf = node => (node.items ?? []).filter(item => item.type === "call")

const audioPart = ({ data, type }) => ({ type: "input_audio", input_audio: { data: data.slice(data.indexOf(",") + 1), format: type === "audio/mpeg" ? "mp3" : "wav" } })

/** Returns the text of a person's message with those of its files, and the images and audio. A text takes the place of what a model cannot take. */
function contentOf({ text, files = [] }, capabilities) {
  const media = files.filter(file => file.data && takes(capabilities, file.kind))
  const texts = files.map(file => file.text ?? (media.includes(file) ? "" : `[${file.kind} "${file.name}", which this model cannot take]`))
  return { media, text: [text, ...texts].filter(Boolean).join("\n\n") }
}

/** Returns input items of the Responses API for messages, for a model with these capabilities. */
export function inputOf(nodes, capabilities) {
  return nodes.flatMap(node => {
    if (node.role !== "user") return [...answerItems(node), ...outputItems(node)]
    const { media, text } = contentOf(node, capabilities)
    const parts = media.map(file => file.kind === "image" ? { type: "input_image", image_url: file.data } : audioPart(file))
    return [{ type: "message", role: "user", content: [...parts, ...text || parts.length === 0 ? [{ type: "input_text", text }] : []] }]
  })
}

/** Returns messages for chat completions. */
export function messagesOf(nodes, system, capabilities) {
  const messages = nodes.map(node => {
    if (node.role !== "user") return { role: node.role, content: textOf(node) }
    const { media, text } = contentOf(node, capabilities)
    if (media.length === 0) return { role: "user", content: text }
    return { role: "user", content: [...media.map(file => file.kind === "image" ? { type: "image_url", image_url: { url: file.data } } : audioPart(file)), ...text ? [{ type: "text", text }] : []] }
  })
  return system?.trim() ? [{ role: "system", content: system }, ...messages] : messages
}

export function answerItems(node) {
  return (node.items ?? []).flatMap(item => {
    if (item.type === "text" && item.text !== "") return [{ type: "message", role: "assistant", content: [{ type: "output_text", text: item.text, annotations: [] }] }]
    if (item.type === "call" && typeof item.output === "string") return [{ type: "function_call", call_id: item.call, name: item.name, arguments: item.arguments }]
    return []
  })
}

export function outputItems(node) {
  return callsOf(node).filter(item => typeof item.output === "string").map(item => ({ type: "function_call_output", call_id: item.call, output: item.output }))
}
