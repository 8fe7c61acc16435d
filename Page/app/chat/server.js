// Conversations that the server stores: the Conversations API keeps the branch that is shown; other branches stay in this browser.
import { api } from "../api.js"
import { Conversation, inputOf, outputItems } from "./conversation.js"

const PAGE = 100, CHUNK = 20, MAX_ITEMS = 20_000

async function itemsOf(id) {
  const all = []
  for (let after = null; all.length < MAX_ITEMS;) {
    const page = await api.json(`v1/conversations/${id}/items`, { query: { limit: PAGE, order: "asc", after } })
    all.push(...page.data)
    if (!page.has_more || page.data.length === 0) break
    after = page.last_id ?? page.data.at(-1).id
  }
  return all
}

/** Makes the server's conversation contain exactly the given messages. */
export async function sync(conversation, path) {
  const { record } = conversation
  if (record.server === null) {
    const created = await api.json("v1/conversations", { body: { metadata: { title: record.title.slice(0, 500) } } })
    record.server = created.id
    record.dirty = path.length > 0
    for (const node of path) node.server = null
  }
  if (!record.dirty) return
  let there
  try { there = (await itemsOf(record.server)).map(item => item.id) } catch (error) {
    if (error.status !== 404) throw error
    // The server has lost it, or another client has deleted it: it is stored anew.
    record.server = null
    return sync(conversation, path)
  }
  let at = 0, kept = 0
  for (const node of path) {
    const ids = node.server
    if (!ids?.length || !ids.every((id, index) => there[at + index] === id)) break
    at += ids.length
    kept += 1
  }
  for (const id of there.slice(at)) await api.json(`v1/conversations/${record.server}/items/${id}`, { method: "DELETE" })
  const rest = path.slice(kept).map(node => ({ node, items: inputOf([node]) }))
  for (const { node } of rest) node.server = []
  const queue = rest.flatMap(({ node, items }) => items.map(item => ({ node, item })))
  for (let from = 0; from < queue.length; from += CHUNK) {
    const part = queue.slice(from, from + CHUNK)
    const added = await api.json(`v1/conversations/${record.server}/items`, { body: { items: part.map(each => each.item) } })
    added.data.forEach((item, index) => part[index]?.node.server.push(item.id))
  }
  record.dirty = false
  await conversation.save(path.slice(kept), { touch: false })
}

/** Records the IDs of the items that the server added with a response. */
export async function record(conversation, inputs, answer) {
  const count = inputs.reduce((sum, each) => sum + each.count, 0) + answer.outputs
  if (count > 90) { conversation.record.dirty = true; return }
  const page = await api.json(`v1/conversations/${conversation.record.server}/items`, { query: { limit: Math.max(1, count), order: "desc" } })
  const ids = page.data.map(item => item.id).reverse()
  for (const { node, count } of inputs) node.server = [...node.server ?? [], ...ids.splice(0, count)]
  answer.server = ids
  await conversation.save([...inputs.map(each => each.node), answer], { touch: false })
}

/** Returns the items that a request must contain, and the messages that they belong to. */
export function newInputs(path) {
  const last = path.at(-1)
  const items = last.role === "user" ? inputOf([last]) : outputItems(last)
  return { items, inputs: [{ node: last, count: items.length }], before: last.role === "user" ? path.slice(0, -1) : path }
}

/** Returns a conversation made from the items of the server. */
export async function open(id) {
  const found = await api.json(`v1/conversations/${encodeURIComponent(id)}`)
  const conversation = Conversation.create({ place: "server" })
  Object.assign(conversation.record, { server: found.id, title: String(found.metadata?.title ?? "").slice(0, 500), created: found.created_at * 1000 })
  append(conversation, await itemsOf(found.id))
  return conversation
}

/** Adds messages that another client wrote since. Returns whether there were some. */
export async function refresh(conversation) {
  const { record } = conversation
  if (record.server === null || record.dirty) return false
  const known = new Set(conversation.path().flatMap(node => node.server ?? []))
  const latest = await api.json(`v1/conversations/${record.server}/items`, { query: { limit: 1, order: "desc" } })
  if (latest.data.length === 0 || known.has(latest.data[0].id)) return false
  const all = await itemsOf(record.server)
  const from = all.findLastIndex(item => known.has(item.id)) + 1
  if (known.size > 0 && from === 0) return false
  append(conversation, all.slice(from))
  await conversation.save(conversation.path(), { touch: false })
  return true
}

function append(conversation, items) {
  const calls = new Map()
  for (const item of items) {
    const last = conversation.nodes.get(conversation.record.leaf) ?? null
    const text = typeof item.content === "string" ? item.content : (item.content ?? []).map(part => part.text ?? "").join("")
    if (item.type === "message" && item.role === "user") { conversation.add(last, { role: "user", text, server: [item.id] }); continue }
    if (item.type === "function_call_output" && calls.has(item.call_id)) {
      const { node, entry } = calls.get(item.call_id)
      entry.output = typeof item.output === "string" ? item.output : JSON.stringify(item.output)
      node.server.push(item.id)
      continue
    }
    const waiting = last?.role === "assistant" && !last.items.some(each => each.type === "call" && typeof each.output === "string") ? last : null
    const node = waiting ?? conversation.add(last, { role: "assistant", model: null, items: [], status: "done", server: [] })
    node.server.push(item.id)
    if (item.type === "message") node.items.push({ id: item.id, type: "text", text })
    else if (item.type === "reasoning") node.items.push({ id: item.id, type: "reasoning", text: [...item.content ?? [], ...item.summary ?? []].map(part => part.text ?? "").join("\n\n") })
    else if (item.type === "function_call") {
      const entry = { id: item.id, type: "call", call: item.call_id, name: item.name, arguments: item.arguments, text: "" }
      node.items.push(entry)
      calls.set(item.call_id, { node, entry })
    }
  }
}

/** Deletes what the server stores of a conversation. */
export async function remove(conversation) {
  const gone = error => { if (error.status !== 404) throw error }
  if (conversation.record.server) await api.json(`v1/conversations/${conversation.record.server}`, { method: "DELETE" }).catch(gone)
  for (const node of conversation.nodes.values()) if (node.response && node.stored) await api.json(`v1/responses/${node.response}`, { method: "DELETE" }).catch(gone)
}

