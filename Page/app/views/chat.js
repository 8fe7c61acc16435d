// The chat: conversations, messages and the composer.
import { List } from "../chat/list.js"
import { Chat } from "../chat/chat.js"
import { el } from "../dom.js"
import { Conversation, lasting } from "../chat/conversation.js"
import { live, onProgress } from "../chat/request.js"
import { prepare } from "../later.js"
import { onOthers, store } from "../chat/store.js"
import { settings } from "../storage.js"

const onServer = () => import("../chat/server.js")
let chat = null, list = null, app = null, root = null, turn = 0

export async function mount(place, owner) {
  app = owner
  root = place
  await Promise.all([app.style("chat"), app.style("text")])
  list = new List(app, { create: () => app.go("chat"), close: () => panel(false), menu: listMenu, itemMenu })
  chat = new Chat(app, { changed: () => list.refresh(), panel: () => panel(), opened: id => { if (chat.conversation?.id !== id || owner.signal.aborted) return; list.select(id); if (app.path[0] !== id) { app.path = [id]; history.replaceState(null, "", app.address(`chat/${id}`)) } }, rename, exportMenu })
  root.append(el("div.chat", {}, list.element, el("div.list-veil", { onclick: () => panel(false) }), chat.element))
  chat.composer.accept(root.firstChild)
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
  // The texts come up with their Markdown, and not without it first.
  const [found] = await Promise.all([live(id) ?? (id.startsWith("conv_") ? fromServer(id) : Conversation.load(id)), prepare()])
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

const manage = (name, ...values) => import("../chat/manage.js").then(module => module[name]({ app, chat, list }, ...values))
const rename = record => manage("rename", record)

function listMenu() {
  return [
    { text: "Import conversations", icon: "upload", run: () => manage("importFiles") },
    { text: "Export all conversations", icon: "download", run: () => manage("exportAll") },
    { text: "Open one stored on the server", icon: "server", run: () => manage("openStored") },
  ]
}

function itemMenu(record) {
  return [
    { text: "Rename", icon: "edit", run: () => rename(record) },
    ...exportMenu(record), "-",
    { text: "Delete", icon: "trash", danger: true, run: () => manage("remove", record) },
  ]
}

function exportMenu(record) {
  return [
    { text: "Export as JSON", icon: "download", run: () => manage("exportOne", record, "json") },
    { text: "Export as Markdown", icon: "download", run: () => manage("exportOne", record, "markdown") },
  ]
}
