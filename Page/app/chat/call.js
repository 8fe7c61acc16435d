// A tool call in an answer.
import { el, fill } from "../dom.js"
import { icon } from "../icons.js"
import { isRunning } from "./request.js"

/** A tool call: its arguments, and its result, which the person or the tool's code gives. */
export class Call {
  constructor(element, node, item, actions) {
    Object.assign(this, { element, node, item, actions })
    this.state = el("span.chip")
    this.arguments = el("code")
    this.result = el("div.call-result")
    fill(element, el("summary", {}, icon("tool", 18), el("strong", { dir: "auto" }, item.name), this.state),
      el("p.label", {}, "Arguments"), el("pre", { tabindex: "0" }, this.arguments), this.result)
  }

  update(item, growing) {
    const done = typeof item.output === "string"
    const state = `${growing}${done}${item.failure ?? ""}${isRunning(this.node)}${item.busy}${item.arguments.length}`
    if (state === this.shown) return
    this.shown = state
    this.arguments.textContent = pretty(item.arguments)
    this.state.className = `chip ${done ? "good" : item.failure ? "bad" : "warn"}`
    this.state.textContent = done ? "answered" : item.busy ? "running" : isRunning(this.node) ? "writing" : item.cut ? "cut off" : "needs a result"
    if (done) fill(this.result, el("p.label", {}, "Result"), el("pre", { tabindex: "0", dir: "auto" }, el("code", {}, pretty(item.output))))
    else if (isRunning(this.node) || item.cut) fill(this.result)
    else this.#ask(item)
  }

  #ask(item) {
    const field = el("textarea", { rows: "3", spellcheck: "false", dir: "auto", placeholder: "What the tool returns, as text or JSON" })
    const code = this.actions.codeOf(item.name)
    fill(this.result, item.failure && el("div.notice.bad", { role: "alert" }, icon("warning"), el("div", { dir: "auto" }, item.failure)),
      el("label.field", {}, el("span", {}, "Result"), field),
      el("div.row", {}, el("button.primary.small", { type: "button", onclick: () => this.actions.answer(this.node, item, field.value) }, "Send the result"),
        code && el("button.small", { type: "button", disabled: item.busy, onclick: () => this.actions.execute(this.node, item) }, icon("play", 16), "Run its JavaScript")))
  }
}

function pretty(text) {
  if (text.length > 50_000) return text
  try { return JSON.stringify(JSON.parse(text), null, 2) } catch { return text }
}
