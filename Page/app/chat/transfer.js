// Export and import of conversations.
import { el } from "../dom.js"
import { callsOf, Conversation, newId, textOf } from "./conversation.js"
import { validFiles } from "./files.js"
import { store } from "./store.js"
import { parseTool } from "./tools.js"

const MAX_FILE = 256 * 1024 * 1024, MAX_MESSAGES = 100_000, FORMAT = "shimmy-conversations"

export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = el("a", { href: url, download: name, hidden: true })
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

export const fileName = (title, ending) => `${title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation"}.${ending}`

export function asJSON(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, exported: new Date().toISOString(),
    conversations: conversations.map(({ record, nodes }) => ({ ...record, messages: [...nodes.values()] })) }, null, 1)
}

/** Returns the branch that is shown as Markdown. */
export function asMarkdown(conversation) {
  const parts = [`# ${conversation.record.title || "Conversation"}`]
  if (conversation.record.settings.system) parts.push(`> ${conversation.record.settings.system.replace(/\n/g, "\n> ")}`)
  for (const node of conversation.path()) {
    parts.push(`## ${node.role === "user" ? "You" : node.model ?? "Model"}`, textOf(node))
    // Images and audio would make the text unreadable; the export as JSON contains them.
    for (const file of node.files ?? []) parts.push(file.text ?? `(${file.kind}: ${file.name})`)
    for (const call of callsOf(node)) parts.push(`**${call.name}**`, fence(call.arguments, "json"), call.output === undefined ? "" : fence(call.output, ""))
  }
  return `${parts.filter(Boolean).join("\n\n")}\n`
}

function fence(text, language) {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(run => run.length))
  const marks = "`".repeat(longest + 1)
  return `${marks}${language}\n${text}\n${marks}`
}

/** Imports a file of exported conversations and returns their number. Those that are here already are updated. Throws an Error with plain words. */
export async function importFile(file) {
  if (file.size > MAX_FILE) throw new Error("The file is larger than 256 MB.")
  const text = await file.text()
  let data
  try { data = JSON.parse(text) } catch {
    if (!/\.(?:md|markdown)$/i.test(file.name)) throw new Error("The file is neither JSON nor Markdown.")
    await importOne((await import("./from-markdown.js")).fromMarkdown(text))
    return 1
  }
  if (data?.format !== FORMAT || !Array.isArray(data.conversations)) throw new Error("The file is not an export of this page.")
  let count = 0
  for (const each of data.conversations.slice(0, 10_000)) {
    if (!Array.isArray(each?.messages) || each.messages.length > MAX_MESSAGES) continue
    await importOne(each)
    count += 1
  }
  return count
}

async function importOne({ messages, ...old }) {
  const conversation = Conversation.create({ model: typeof old.model === "string" ? old.model : null, settings: settingsOf(old.settings) })
  // A conversation keeps its ID, so that it is not here twice.
  const isKnown = typeof old.id === "string" && /^[0-9a-f]{24}$/.test(old.id)
  if (isKnown) conversation.record.id = old.id
  const ids = new Map(messages.filter(message => typeof message?.id === "string").map(message => [message.id, isKnown && /^[0-9a-f]{24}$/.test(message.id) ? message.id : newId()]))
  const nodes = messages.filter(message => message && ["user", "assistant"].includes(message.role)).map((message, index) => ({
    conversation: conversation.id, id: ids.get(message.id) ?? newId(), parent: ids.get(message.parent) ?? null, at: Number(message.at) || index, role: message.role,
    ...message.role === "user" ? { text: String(message.text ?? ""), ...filesOf(message) } : answer(message),
  }))
  breakRings(nodes)
  const date = value => Number(value) > 0 ? Math.min(Number(value), Date.now()) : Date.now()
  Object.assign(conversation.record, { title: String(old.title ?? "Imported").slice(0, 500), created: date(old.created), leaf: ids.get(old.leaf) ?? nodes.at(-1)?.id ?? null })
  conversation.record.updated = date(old.updated)
  const before = isKnown ? await store.conversation(old.id) : null
  if (!before) return store.save(conversation.record, nodes)
  if (conversation.record.updated > before.updated) return store.save({ ...conversation.record, place: before.place, server: before.server, dirty: true }, nodes)
  const there = new Set((await store.messages(old.id)).map(node => node.id))
  await store.save(before, nodes.filter(node => !there.has(node.id)))
}

function filesOf(message) {
  const files = validFiles(message.files)
  return files.length > 0 ? { files } : {}
}

/** A message whose parents lead back to itself begins a branch of its own, and so does one whose parent is missing. */
function breakRings(nodes) {
  const all = new Map(nodes.map(node => [node.id, node])), known = new Set()
  for (let node of nodes) {
    const way = new Set()
    while (node && !known.has(node.id)) {
      way.add(node.id)
      known.add(node.id)
      if (!all.has(node.parent) || way.has(node.parent)) node.parent = null
      node = all.get(node.parent)
    }
  }
}

const numbers = ["temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed", "max_output_tokens"]
const texts = ["system", "effort", "format", "schema", "grammar", "regex", "toolChoice"]

/** Returns the settings that the page knows. The code of imported tools does not run without asking. */
function settingsOf(old) {
  const result = {}
  for (const name of numbers) if (typeof old?.[name] === "number" && Number.isFinite(old[name])) result[name] = old[name]
  for (const name of texts) if (typeof old?.[name] === "string") result[name] = old[name]
  for (const tool of (Array.isArray(old?.tools) ? old.tools : []).slice(0, 128)) {
    try {
      const known = parseTool(JSON.stringify(tool))
      ;(result.tools ??= []).push({ ...known, code: typeof tool.code === "string" ? tool.code : "", auto: false, on: tool.on !== false })
    } catch { /* It is no tool of this page. */ }
  }
  return result
}

function answer(message) {
  const items = (Array.isArray(message.items) ? message.items : []).filter(item => ["text", "reasoning", "call"].includes(item?.type)).map(item => ({
    id: newId(), type: item.type, text: String(item.text ?? ""),
    ...item.type === "call" ? { call: String(item.call), name: String(item.name), arguments: String(item.arguments ?? ""), ...typeof item.output === "string" ? { output: item.output } : {} } : {},
  }))
  const number = (object, names) => Object.fromEntries(names.map(name => [name, typeof object?.[name] === "number" ? object[name] : null]))
  return {
    model: typeof message.model === "string" ? message.model : null, items, status: message.status === "length" ? "length" : "done",
    ...message.context > 0 ? { context: Number(message.context) } : {},
    ...message.usage ? { usage: number(message.usage, ["input", "cached", "output", "reasoning"]) } : {},
    ...message.times ? { times: number(message.times, ["first", "total", "rate"]) } : {},
  }
}
