// The menu of a conversation, and the facts about it.
import { el } from "../dom.js"
import * as format from "../format.js"

/** Returns the entries of the menu. */
export function moreMenu(chat) {
  const { config, conversation, outer, record } = chat
  return [
    { text: "Tools", icon: "tool", run: () => chat.tools() },
    { text: "Voice", icon: "microphone", run: () => chat.voice() },
    { text: config.compare ? "Stop comparing" : "Compare two models", icon: "compare", run: () => config.compare ? chat.set({ compare: undefined }) : compare(chat) },
    ...conversation.isEmpty ? [] : ["-", { text: "Rename", icon: "edit", run: () => outer.rename(record) }, ...outer.exportMenu(record), { text: "About this conversation", icon: "help", run: () => about(chat) }],
  ]
}

function compare(chat) {
  const models = chat.picker.list ?? []
  chat.app.menu(chat.more, models.map(model => ({
    text: model.id, icon: "models", hint: model.id === chat.picker.model?.id ? "again, with the same settings" : "", run: () => chat.set({ compare: model.id }),
  })))
}

/** Shows the facts about a conversation. */
function about({ app, conversation, record }) {
  const path = conversation.path()
  const written = path.reduce((total, node) => total + (node.usage?.output ?? 0), 0)
  const rows = [
    ["Begun", format.moment(record.created)], ["Messages", `${format.count(path.length)} (${format.count(conversation.nodes.size)} with all branches)`],
    ["Tokens written", format.count(written)], ["Stored", record.place === "server" ? "on the server; other branches in this browser" : "in this browser"],
    record.server && ["ID at the server", el("code", {}, record.server)],
  ]
  app.dialog({ title: "About this conversation", body: el("dl.facts", {}, rows.filter(Boolean).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])) })
}
