// The element of one message. Its body is built when it comes near the visible part, so long conversations open fast.
import { copyButton } from "../copy.js"
import { el, fill } from "../dom.js"
import * as format from "../format.js"
import { icon } from "../icons.js"
import { Prose } from "../later.js"
import { callsOf, textOf } from "./conversation.js"
import { isRunning } from "./request.js"

const states = { length: "The answer reached its token limit.", stopped: "Stopped.", interrupted: "The answer was interrupted." }

export class MessageView {
  #parts = new Map()
  #built = false

  /** `actions` has the functions of the view: retry, edit, branch, continue, answer a call and so on. */
  constructor(conversation, node, actions) {
    Object.assign(this, { conversation, node, actions })
    const length = (node.text ?? textOf(node)).length
    this.element = el(`article.message.${node.role}`, {
      dataset: { id: node.id }, "aria-label": node.role === "user" ? "You" : node.model ?? "Answer", style: { "--height": `${Math.min(4000, 90 + Math.ceil(length / 80) * 26)}px` },
    })
  }

  build() {
    if (this.#built) return
    this.#built = true
    this.element.classList.add("built")
    const { node } = this
    this.body = el("div.message-body")
    this.foot = el("footer.message-foot")
    this.element.append(...node.role === "assistant" && node.group ? [el("p.message-model", { dir: "auto" }, node.model)] : [], this.body, this.foot)
    if (node.role === "user" && node.text) this.body.append(el("div.bubble", { dir: "auto" }, node.text))
    if (node.files?.length > 0) Promise.all([import("./shown.js"), this.actions.style("files")]).then(([{ shown }]) => this.body.prepend(shown(node.files)), () => {})
    this.update()
  }

  /** Shows the node's present state. */
  update() {
    if (!this.#built) return
    const { node } = this
    if (node.role === "assistant") this.#items()
    this.#foot()
  }

  #items() {
    const { node } = this
    const running = isRunning(node)
    this.element.setAttribute("aria-busy", String(running))
    node.items.forEach((item, index) => {
      const key = item.id ?? index
      if (!this.#parts.has(key)) {
        const part = item.type === "reasoning" ? new Reasoning() : item.type === "call" ? new LaterCall(node, item, this.actions) : new Text()
        this.#parts.set(key, part)
        this.body.append(part.element)
      }
      this.#parts.get(key).update(item, running && index === node.items.length - 1)
    })
    this.notice?.remove()
    this.notice = this.#notice(running)
    if (this.notice) this.body.append(this.notice)
  }

  #notice(running) {
    const { node, actions } = this
    if (running) {
      const quiet = node.items.some(item => item.text !== "" || item.type === "call")
      return node.note || !quiet ? el("p.waiting", { role: "status" }, el("span.spinner"), el("span", { dir: "auto" }, node.note ?? "Waiting for the first token…")) : null
    }
    if (node.status === "failed") {
      return el("div.notice.bad", { role: "alert" }, icon("warning"), el("div", {}, el("p", { dir: "auto" }, node.error?.message ?? "The answer failed.")),
        node.error?.lost && node.background && node.response
          ? el("button.small", { type: "button", onclick: () => actions.resume(node) }, "Resume")
          : el("button.small", { type: "button", onclick: () => actions.retry(node) }, "Try again"))
    }
    if (node.unsaved) return el("div.notice.warn", {}, icon("warning"), el("div", {}, "The browser could not store this answer: ", node.unsaved))
    return null
  }

  #foot() {
    const { node, actions, conversation } = this
    const running = isRunning(node)
    const has = document.activeElement && this.foot.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null
    const siblings = conversation.siblings(node).filter(each => !node.group || each.group !== node.group || each === node)
    const place = siblings.indexOf(node)
    const button = (name, label, run) => el("button.quiet.icon.small", { type: "button", "aria-label": label, title: label, onclick: run }, icon(name, 18))
    fill(this.foot,
      siblings.length > 1 && el("span.branches", {},
        el("button.quiet.icon.small", { type: "button", "aria-label": "Previous version", disabled: place === 0, onclick: () => actions.show(siblings[place - 1]) }, icon("back", 16)),
        el("span.number", {}, `${place + 1} / ${siblings.length}`),
        el("button.quiet.icon.small", { type: "button", "aria-label": "Next version", disabled: place === siblings.length - 1, onclick: () => actions.show(siblings[place + 1]) }, icon("next", 16))),
      node.role === "assistant" && !running && this.#facts(),
      !running && el("span.tools", {},
        copyButton(() => textOf(node), node.role === "user" ? "Copy the message" : "Copy the answer"),
        node.role === "user" && button("edit", "Edit and send again", () => actions.edit(node)),
        node.role === "assistant" && button("retry", "Answer again", () => actions.retry(node)),
        node.role === "assistant" && textOf(node) !== "" && callsOf(node).length === 0 && button("play", "Continue this answer", () => actions.extend(node)),
        node.role === "assistant" && textOf(node) !== "" && actions.aloud() && button("speaker", actions.aloud(), event => actions.read(node, event.currentTarget)),
        node.role === "assistant" && actions.waits(node) && button("play", "Answer with the results", () => actions.proceed(node)),
        node.role === "assistant" && button("branch", "New conversation from here", () => actions.fork(node)),
        node.group && el("button.small", { type: "button", onclick: () => actions.choose(node) }, "Use this answer")))
    if (has) this.foot.querySelector(`[aria-label="${CSS.escape(has)}"]`)?.focus()
  }

  #facts() {
    const { usage, times, status, model, context } = this.node
    const parts = []
    // The server has one word for both limits.
    const isFull = status === "length" && context > 0 && usage && usage.input + usage.output >= context - 1
    if (states[status]) parts.push(isFull ? "The context is full." : states[status])
    if (usage) parts.push(`${format.count(usage.output)} tokens`)
    if (times?.rate) parts.push(`${format.rate(times.rate)} tokens/s`)
    if (usage?.input) parts.push(`${format.percent(usage.cached / usage.input)} cached`)
    const detail = [
      model && `Model: ${model}`, usage && `Prompt: ${format.count(usage.input)} tokens, ${format.count(usage.cached)} from the cache`,
      usage?.reasoning ? `Reasoning: ${format.count(usage.reasoning)} tokens` : null,
      times?.first ? `First token after ${format.seconds(times.first)}` : null, times?.total ? `In all ${format.seconds(times.total)}` : null,
    ].filter(Boolean).join("\n")
    return parts.length > 0 && el("button.facts-button", { type: "button", title: detail, "aria-label": `${parts.join(", ")}. Details`, onclick: event => this.actions.details(event.currentTarget, this.node, detail) }, parts.join(" · "))
  }
}

class Text {
  constructor() {
    this.element = el("div.prose", { dir: "auto" })
    this.view = new Prose(this.element)
    this.shown = null
  }

  update(item, growing) {
    const state = `${growing}${item.text.length}`
    if (state === this.shown) return
    this.shown = state
    this.view.update(item.text, !growing)
  }
}

class Reasoning {
  constructor() {
    this.text = el("div.prose", { dir: "auto" })
    this.view = new Prose(this.text)
    this.title = el("span")
    this.element = el("details.reasoning", { ontoggle: () => this.#render() }, el("summary", {}, icon("thought", 18), this.title), this.text)
  }

  update(item, growing) {
    this.item = item
    this.growing = growing
    this.title.textContent = growing ? "Reasoning…" : item.seconds >= 1 ? `Reasoned for ${format.seconds(item.seconds)}` : "Reasoning"
    this.#render()
  }

  #render() {
    if (this.element.open) this.view.update(this.item.text, !this.growing)
  }
}

/** A tool call. Its module is loaded with the first one. */
class LaterCall {
  constructor(...values) {
    this.element = el("details.call", { open: true })
    import("./call.js").then(({ Call }) => { this.view = new Call(this.element, ...values); this.view.update(...this.latest) }, () => {})
  }

  update(...latest) {
    this.latest = latest
    this.view?.update(...latest)
  }
}
