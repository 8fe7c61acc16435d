// The controls of a conversation below the message.
import { el } from "../dom.js"
import { icon } from "../icons.js"

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
