// The empty conversation.
import { el } from "../dom.js"
import { icon } from "../icons.js"
import { settings as kept } from "../storage.js"

const ideas = ["Explain how a hash table works", "Write a haiku about the sea", "Plan a week of simple dinners"]

/** Returns what an empty conversation shows: ideas, and where it will be stored. */
export function welcome({ app, picker, composer, record }) {
  const option = (value, name, text, hint) => el("label.place", {},
    el("input", { type: "radio", name: "place", value, ".checked": record.place === value, onchange: () => { record.place = value; kept.set("place", value) } }),
    icon(name), el("span", {}, el("strong", {}, text), el("small", {}, hint)))
  const nothing = picker.list?.length === 0
  return el("div.welcome", {},
    el("h2", {}, nothing ? "No model yet" : "What would you like to know?"),
    nothing ? el("p.muted", {}, "This server has no model that can chat. ", el("a", { href: app.address("models") }, "Pull one"), " to begin.")
      : el("div.ideas", {}, ideas.map(text => el("button", { type: "button", onclick: () => composer.insert(text) }, text))),
    picker.error && app.failure(picker.error, () => picker.choose(record.model, true)),
    el("fieldset.places", {}, el("legend.visually-hidden", {}, "Where this conversation is stored"),
      option("browser", "sidebar", "In this browser", "Nothing is stored on the server."),
      option("server", "server", "On the server", "Answers continue when this page closes.")))
}
