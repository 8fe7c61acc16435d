// What a person does with whole conversations: export, import, renaming, deleting. Loaded on first use; `view` has the app, the chat and the list.
import { el } from "../dom.js"
import { Conversation } from "./conversation.js"
import { live, stopAll } from "./request.js"
import { settings } from "../storage.js"
import { store } from "./store.js"
import { asJSON, asMarkdown, fileName, importFile, save } from "./transfer.js"

const onServer = () => import("./server.js")

/** Returns the object that this page uses for a conversation already, so that no change is lost. */
const loaded = async ({ chat }, record) => chat.conversation?.id === record.id ? chat.conversation : live(record.id) ?? Conversation.load(record.id)

export async function exportOne(view, record, form) {
  const conversation = await loaded(view, record)
  if (form === "json") save(fileName(record.title, "json"), asJSON([conversation]), "application/json")
  else save(fileName(record.title, "md"), asMarkdown(conversation), "text/markdown")
}

export async function exportAll() {
  const all = []
  for (const record of await store.conversations()) all.push(await Conversation.load(record.id))
  save("conversations.json", asJSON(all.filter(Boolean)), "application/json")
}

export function importFiles({ app, chat, list }) {
  const input = el("input", { type: "file", accept: ".json,.md,.markdown,application/json,text/markdown", multiple: true, onchange: async () => {
    let count = 0
    for (const file of input.files) {
      try { count += await importFile(file) } catch (error) { app.toast(`${file.name}: ${error.message}`, { kind: "bad" }) }
    }
    list.refresh()
    if (chat.conversation) chat.changedElsewhere(chat.conversation.id)
    if (count > 0) app.toast(count === 1 ? "One conversation imported." : `${count} conversations imported.`, { kind: "good" })
  } })
  input.click()
}

export async function openStored({ app }) {
  const field = el("input", { required: true, placeholder: "conv_…", autofocus: true, spellcheck: "false", pattern: "\\s*conv_.+" })
  const done = await app.dialog({
    title: "Open a conversation of the server", body: [el("p", {}, "Enter its ID. Another browser shows it under “About this conversation”."), el("label.field", {}, el("span", {}, "ID"), field)],
    actions: [{ text: "Cancel", value: false }, { text: "Open", kind: "primary", submit: true, value: true }],
  }).result
  if (done === true) app.go(`chat/${field.value.trim()}`)
}

export async function rename(view, record) {
  const { app, chat, list } = view
  const field = el("input", { required: true, maxlength: "200", ".value": record.title, dir: "auto", autofocus: true })
  const done = await app.dialog({ title: "Rename", body: el("label.field", {}, el("span", {}, "Title"), field), actions: [{ text: "Cancel", value: false }, { text: "Rename", kind: "primary", submit: true, value: true }] }).result
  if (done !== true) return
  const conversation = await loaded(view, record)
  if (!conversation) return
  conversation.record.title = field.value.trim()
  await conversation.save([], { touch: false })
  if (conversation.record.server) app.api.json(`v1/conversations/${conversation.record.server}`, { body: { metadata: { title: conversation.record.title } } }).catch(error => app.toast(error.message, { kind: "bad" }))
  list.refresh()
  chat.retitle()
}

export async function remove(view, record) {
  const { app, chat, list } = view
  const where = record.place === "server" ? "It is deleted in this browser and on the server." : "It is stored only in this browser."
  if (!await app.confirm({ title: "Delete this conversation?", text: `${record.title || "The conversation"}. ${where}`, action: "Delete", danger: true })) return
  try {
    const conversation = await loaded(view, record)
    if (conversation) {
      await stopAll(conversation)
      if (record.server) await (await onServer()).remove(conversation)
      conversation.isRemoved = true
    }
    await store.remove(record.id)
    if (chat.conversation?.id === record.id) {
      chat.composer.leave()
      app.go("chat")
    }
    await forget(record.id)
  } catch (error) {
    app.toast(error.message, { kind: "bad" })
  }
  list.refresh()
}

/** Forgets the draft and the edit of a conversation, with their files. */
async function forget(id) {
  for (const slot of [`draft.${id}`, `edit.${id}`]) {
    settings.set(slot, null)
    if (settings.get(`${slot}.files`)) await (await import("./attachments.js")).keep(slot, [])
  }
}
