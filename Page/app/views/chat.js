// The chat: conversations, messages and the composer.
import { List } from "../chat/list.js"
import { Chat } from "../chat/chat.js"
import { el } from "../dom.js"
import { Conversation, lasting } from "../chat/conversation.js"
import { live, onProgress, stopAll } from "../chat/request.js"
import { onOthers, store } from "../chat/store.js"
import { settings } from "../storage.js"

const onServer = () => import("../chat/server.js")
const transfers = () => import("../chat/transfer.js")
let chat = null, list = null, app = null, root = null, turn = 0

export async function mount(place, owner) {
  app = owner
  root = place
  await Promise.all([app.style("chat"), app.style("text")])
  list = new List(app, { create: () => app.go("chat"), close: () => panel(false), menu: listMenu, itemMenu })
  chat = new Chat(app, { changed: () => list.refresh(), panel: () => panel(), opened: id => { if (chat.conversation?.id !== id || owner.signal.aborted) return; list.select(id); if (app.path[0] !== id) { app.path = [id]; history.replaceState(null, "", app.address(`chat/${id}`)) } }, rename, exportMenu })
  root.append(el("div.chat", {}, list.element, el("div.list-veil", { onclick: () => panel(false) }), chat.element))
  panel(matchMedia("(min-width: 64rem)").matches && settings.get("list", true))
  onProgress((conversation, node) => { chat.progress(conversation, node); if (node.status !== "running" || node.items.length === 0) list.refresh() }, app.signal)
  onOthers(id => { list.refresh(); chat.changedElsewhere(id) }, app.signal)
  addEventListener("pagehide", () => chat.composer.flush(), { signal: app.signal })
  app.shortcut("ctrl+shift+o", "New chat", () => app.go("chat"))
  app.shortcut("ctrl+k", "Search conversations", () => { panel(true); list.search.focus() })
  app.shortcut("ctrl+b", "Show or hide the conversations", () => panel())
  app.shortcut("ctrl+/", "Choose the model", () => chat.pick.click())
  app.shortcut("ctrl+,", "Chat settings", () => chat.settings())
  app.shortcut("alt+r", "Answer again", () => chat.retryLast())
  app.shortcut("escape", "Stop the answer", () => closeOverlay() === false ? chat.escape() : undefined)
  matchMedia("(min-width: 64rem)").addEventListener("change", ({ matches }) => panel(matches && settings.get("list", true), { kept: false }), { signal: app.signal })
  app.shortcut("/", "Write a message", () => chat.composer.field.focus())
  await Promise.all([list.refresh(), route(app.path)])
}

export function unmount() {
  chat?.composer.flush()
  chat?.close()
}

export async function route(path) {
  const mine = ++turn
  if (matchMedia("(max-width: 63.99rem)").matches) panel(false)
  const [id] = path
  if (id === undefined) return show(Conversation.create({ place: settings.get("place", "browser"), model: settings.get("model"), settings: lasting(settings.get("chat", {})) }))
  if (chat.conversation?.id === id) return
  const found = live(id) ?? (id.startsWith("conv_") ? await fromServer(id) : await Conversation.load(id))
  if (mine !== turn) return
  if (!found) { app.toast("This conversation is not in this browser.", { kind: "bad" }); return app.go("chat", { replace: true }) }
  await show(found)
}

async function show(conversation) {
  list.select(conversation.id)
  await chat.open(conversation)
}

async function fromServer(id) {
  const known = (await store.conversations()).find(record => record.server === id)
  if (known) return Conversation.load(known.id)
  try {
    const conversation = await (await onServer()).open(id)
    await conversation.save([...conversation.nodes.values()])
    list.refresh()
    return conversation
  } catch (error) {
    app.toast(error.message, { kind: "bad" })
    return null
  }
}

/** Shows or hides the list. On a narrow screen it lies over the messages, which cannot be used meanwhile. */
function panel(open = !root.firstChild.classList.contains("with-list"), { kept = true } = {}) {
  const wide = matchMedia("(min-width: 64rem)").matches
  const had = list.element.contains(document.activeElement)
  root.firstChild.classList.toggle("with-list", open)
  chat.toggle.setAttribute("aria-expanded", String(open))
  chat.element.inert = open && !wide
  if (open && !wide) list.element.querySelector(".new").focus()
  if (!open && had) chat.toggle.focus()
  if (wide && kept) settings.set("list", open)
}

function closeOverlay() {
  if (!chat.element.inert) return false
  panel(false)
}

function listMenu() {
  return [
    { text: "Import conversations", icon: "upload", run: importFiles },
    { text: "Export all conversations", icon: "download", run: exportAll },
    { text: "Open one stored on the server", icon: "server", run: openStored },
  ]
}

function itemMenu(record) {
  return [
    { text: "Rename", icon: "edit", run: () => rename(record) },
    ...exportMenu(record), "-",
    { text: "Delete", icon: "trash", danger: true, run: () => remove(record) },
  ]
}

/** Returns the object that this page uses for a conversation already, so that no change is lost. */
const loaded = async record => chat.conversation?.id === record.id ? chat.conversation : live(record.id) ?? Conversation.load(record.id)

function exportMenu(record) {
  return [
    { text: "Export as JSON", icon: "download", run: async () => { const transfer = await transfers(); transfer.save(transfer.fileName(record.title, "json"), transfer.asJSON([await loaded(record)]), "application/json") } },
    { text: "Export as Markdown", icon: "download", run: async () => { const transfer = await transfers(); transfer.save(transfer.fileName(record.title, "md"), transfer.asMarkdown(await loaded(record)), "text/markdown") } },
  ]
}

async function exportAll() {
  const all = []
  for (const record of await store.conversations()) all.push(await Conversation.load(record.id))
  const transfer = await transfers()
  transfer.save("conversations.json", transfer.asJSON(all.filter(Boolean)), "application/json")
}

function importFiles() {
  const input = el("input", { type: "file", accept: ".json,application/json", multiple: true, onchange: async () => {
    const transfer = await transfers()
    let count = 0
    for (const file of input.files) {
      try { count += await transfer.importFile(file) } catch (error) { app.toast(`${file.name}: ${error.message}`, { kind: "bad" }) }
    }
    list.refresh()
    if (chat.conversation) chat.changedElsewhere(chat.conversation.id)
    if (count > 0) app.toast(count === 1 ? "One conversation imported." : `${count} conversations imported.`, { kind: "good" })
  } })
  input.click()
}

async function openStored() {
  const field = el("input", { required: true, placeholder: "conv_…", autofocus: true, spellcheck: "false", pattern: "\\s*conv_.+" })
  const done = await app.dialog({
    title: "Open a conversation of the server", body: [el("p", {}, "Enter its ID. Another browser shows it under “About this conversation”."), el("label.field", {}, el("span", {}, "ID"), field)],
    actions: [{ text: "Cancel", value: false }, { text: "Open", kind: "primary", submit: true, value: true }],
  }).result
  if (done === true) app.go(`chat/${field.value.trim()}`)
}

async function rename(record) {
  const field = el("input", { required: true, maxlength: "200", ".value": record.title, dir: "auto", autofocus: true })
  const done = await app.dialog({ title: "Rename", body: el("label.field", {}, el("span", {}, "Title"), field), actions: [{ text: "Cancel", value: false }, { text: "Rename", kind: "primary", submit: true, value: true }] }).result
  if (done !== true) return
  const conversation = await loaded(record)
  if (!conversation) return
  conversation.record.title = field.value.trim()
  await conversation.save([], { touch: false })
  if (conversation.record.server) app.api.json(`v1/conversations/${conversation.record.server}`, { body: { metadata: { title: conversation.record.title } } }).catch(error => app.toast(error.message, { kind: "bad" }))
  list.refresh()
  chat.retitle()
}

async function remove(record) {
  const where = record.place === "server" ? "It is deleted in this browser and on the server." : "It is stored only in this browser."
  if (!await app.confirm({ title: "Delete this conversation?", text: `${record.title || "The conversation"}. ${where}`, action: "Delete", danger: true })) return
  try {
    const conversation = await loaded(record)
    if (conversation) {
      await stopAll(conversation)
      if (record.server) await (await onServer()).remove(conversation)
      conversation.isRemoved = true
    }
    await store.remove(record.id)
    if (chat.conversation?.id === record.id) {
      chat.composer.key = null
      app.go("chat")
    }
    settings.set(`draft.${record.id}`, null)
  } catch (error) {
    app.toast(error.message, { kind: "bad" })
  }
  list.refresh()
}
