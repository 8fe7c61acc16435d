// The controls of a conversation: those below the message, and the menu in its head.
import { el } from "../dom.js"
import { icon } from "../icons.js"
import { about } from "./welcome.js"

const forms = { json: "JSON", schema: "Schema", grammar: "Grammar", regex: "Pattern" }

/** Returns what lies below the message: the tools, and the settings that are not the usual ones. */
export function controls(chat) {
  const { config } = chat
  const count = (config.tools ?? []).filter(tool => tool.on !== false).length
  return [
    el("button.quiet.small", { type: "button", onclick: () => chat.tools() }, icon("tool", 18), count > 0 ? `Tools (${count})` : "Tools"),
    config.system?.trim() && el("button.quiet.small", { type: "button", onclick: () => chat.settings(), title: config.system.slice(0, 300) }, "System prompt"),
    config.format && el("button.quiet.small", { type: "button", onclick: () => chat.settings() }, forms[config.format]),
    config.compare && el("span.chip.accent", { dir: "auto" }, icon("compare", 14), el("span.name", {}, config.compare),
      el("button.quiet.icon.small", { type: "button", "aria-label": "Stop comparing", onclick: () => chat.set({ compare: undefined }) }, icon("cross", 14))),
  ]
}

export function moreMenu(chat) {
  const { config, conversation, outer, record } = chat
  return [
    { text: "Tools", icon: "tool", run: () => chat.tools() },
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
