// Conversations and their messages in IndexedDB. A browser without it keeps them in memory until the page closes.

const memory = { conversations: new Map(), messages: new Map() }
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("shimmy.conversations") : null
const listeners = new Set()

channel?.addEventListener("message", ({ data }) => { for (const listener of listeners) listener(String(data)) })

/** Calls `listener` with the ID of a conversation that another tab changed. */
export function onOthers(listener, signal) {
  listeners.add(listener)
  signal?.addEventListener("abort", () => listeners.delete(listener))
}

/**
 * Returns the functions of a database of IndexedDB: `open` returns it, or null where the browser has none; `run` does an action on some of its stores.
 * @param create makes the stores of a new database
 * @param failure the message where the browser cannot store something and does not say why
 */
export function database(name, create, failure) {
  let opened = null

  function open() {
    opened ??= new Promise(resolve => {
      try {
        const request = indexedDB.open(name, 1)
        request.onupgradeneeded = () => create(request.result)
        request.onsuccess = () => {
          request.result.onclose = () => { opened = null }
          request.result.onversionchange = () => { request.result.close(); opened = null }
          resolve(request.result)
        }
        request.onerror = request.onblocked = () => resolve(null)
      } catch { resolve(null) }
    })
    return opened
  }

  async function run(stores, mode, action) {
    const db = await open()
    if (db === null) return undefined
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(stores, mode)
      const request = action(...stores.map(store => transaction.objectStore(store)))
      transaction.oncomplete = () => resolve(request?.result)
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error(failure))
    })
  }

  return { open, run }
}

const { open, run } = database("shimmy", created => {
  created.createObjectStore("conversations", { keyPath: "id" })
  created.createObjectStore("messages", { keyPath: ["conversation", "id"] })
}, "The browser cannot store this conversation.")

const range = id => IDBKeyRange.bound([id], [id, []])
const plain = value => JSON.parse(JSON.stringify(value))

export const store = {
  async isKept() { return await open() !== null },

  async conversations() {
    const all = await run(["conversations"], "readonly", conversations => conversations.getAll()) ?? [...memory.conversations.values()]
    return all.sort((one, other) => other.updated - one.updated)
  },

  async conversation(id) {
    return await run(["conversations"], "readonly", conversations => conversations.get(id)) ?? memory.conversations.get(id)
  },

  async messages(id) {
    return await run(["messages"], "readonly", messages => messages.getAll(range(id))) ?? [...memory.messages.values()].filter(each => each.conversation === id)
  },

  /** Stores a conversation's record and the messages given. */
  async save(record, changed = []) {
    const copies = plain(changed), copy = plain(record)
    if (await open() === null) {
      memory.conversations.set(record.id, copy)
      for (const message of copies) memory.messages.set(`${message.conversation} ${message.id}`, message)
    } else {
      await run(["conversations", "messages"], "readwrite", (conversations, messages) => {
        conversations.put(copy)
        for (const message of copies) messages.put(message)
      })
    }
    channel?.postMessage(record.id)
  },

  async remove(id) {
    memory.conversations.delete(id)
    await run(["conversations", "messages"], "readwrite", (conversations, messages) => { conversations.delete(id); messages.delete(range(id)) })
    channel?.postMessage(id)
  },

  /** Returns the IDs of conversations with a message that contains the words. */
  async search(words, signal) {
    const found = new Set()
    const wanted = words.toLowerCase()
    const hit = message => { if (JSON.stringify([message.text, message.items?.map(item => item.text)]).toLowerCase().includes(wanted)) found.add(message.conversation) }
    const db = await open()
    if (db === null) { memory.messages.forEach(hit); return found }
    await new Promise(resolve => {
      const request = db.transaction("messages").objectStore("messages").openCursor()
      request.onerror = resolve
      request.onsuccess = () => {
        const cursor = request.result
        if (!cursor || signal?.aborted) return resolve()
        if (found.has(cursor.value.conversation)) return cursor.continue([cursor.value.conversation, []])
        hit(cursor.value)
        cursor.continue()
      }
    })
    return found
  },
}
