// The main column of the chat: head, messages, composer, and everything that a person does with an answer.
import { el, fill, frame } from "../dom.js"
import * as format from "../format.js"
import { icon } from "../icons.js"
import { prepare } from "../later.js"
import { settings as kept } from "../storage.js"
import { modelFor, obstacle, refusal, takes } from "./abilities.js"
import { Composer } from "./composer.js"
import { controls } from "./controls.js"
import { callsOf, Conversation, inputOf, lasting, messagesOf, newId } from "./conversation.js"
import { MessageView } from "./message.js"
import { ModelPicker } from "./picker.js"
import { Answer, fields, isBusy, isRunning, stopAll } from "./request.js"
import { welcome } from "./welcome.js"

const MAX_ROUNDS = 12, WINDOW = 80
// Most conversations are in the browser only.
const onServer = () => import("./server.js")
const voice = () => import("./voice.js")

export class Chat {
  #views = new Map()
  #dirty = new Set()
  #near = null
  #follows = true
  #window = WINDOW

  constructor(app, outer) {
    Object.assign(this, { app, outer, conversation: null })
    this.composer = new Composer({
      send: (text, node, files) => this.send(text, node, files), stop: () => this.stop(), editLast: () => this.#editLast(), dictate: () => voice().then(module => module.dictate(this)), style: name => app.style(name),
      refusal: kind => takes(this.picker.model ? this.picker.capabilities : null, kind) ? null : refusal(this.picker.model, kind),
    })
    this.picker = new ModelPicker(app, () => this.#modelChanged())
    this.pick = this.picker.button
    this.toggle = el("button.quiet.icon", { type: "button", "aria-label": "Conversations", title: "Conversations (Ctrl B)", "aria-controls": "conversation-list", onclick: outer.panel }, icon("sidebar"))
    this.more = el("button.quiet.icon", { type: "button", "aria-label": "More about this conversation", "aria-haspopup": "menu", onclick: async () => { const { moreMenu } = await import("./more.js"); app.menu(this.more, moreMenu(this)) } }, icon("more"))
    this.sliders = el("button.quiet.icon", { type: "button", "aria-label": "Chat settings", title: "Chat settings (Ctrl ,)", onclick: () => this.settings() }, icon("settings"))
    this.heading = el("h1.visually-hidden", {}, "Chat")
    this.messages = el("div.messages", { role: "log", "aria-label": "Messages", "aria-live": "off", tabindex: "0" })
    this.scroller = el("div.chat-scroll", { onscroll: () => this.#scrolled() }, this.messages)
    this.down = el("button.icon.to-end", { type: "button", "aria-label": "Go to the end", hidden: true, onclick: () => this.#toEnd() }, icon("down"))
    this.live = el("p.visually-hidden", { role: "status" })
    this.element = el("section.chat-main", { "aria-label": "Chat" }, this.heading,
      el("header.chat-head", {}, this.toggle, this.pick, el("span.grow"), this.sliders, this.more),
      this.scroller, el("div.chat-foot", {}, this.down, this.composer.element, el("p.hint.fine", {}, "Models make mistakes. Check what matters.")), this.live)
    this.draw = frame(() => this.#drawDirty())
    this.#near = new IntersectionObserver(entries => { for (const { isIntersecting, target } of entries) if (isIntersecting) this.#appeared(target) }, { root: this.scroller, rootMargin: "1200px 0px" })
    this.resizing = new ResizeObserver(() => { if (this.#follows) this.#toEnd(false) })
    this.resizing.observe(this.messages)
  }

  #appeared(target) {
    this.#near.unobserve(target)
    target.show ? target.show() : this.#views.get(target.dataset.id)?.build()
  }

  close() { this.#near.disconnect(); this.resizing.disconnect() }
  get record() { return this.conversation.record }
  get config() { return this.record.settings }

  async open(conversation) {
    if (this.conversation) this.composer.flush()
    this.conversation = conversation
    this.#window = WINDOW
    this.composer.open(conversation.isEmpty ? "new" : conversation.id, conversation.nodes)
    this.#tools()
    this.retitle()
    this.#all()
    this.#follows = true
    this.#toEnd(false)
    if (matchMedia("(pointer: fine)").matches) this.composer.field.focus({ preventScroll: true })
    const picking = this.picker.choose(this.record.model ?? kept.get("model"))
    this.#resume(conversation)
    if (this.record.server) onServer().then(server => server.refresh(conversation)).then(changed => { if (changed && this.conversation === conversation) this.#all() }, () => {})
    await picking
  }

  #resume(conversation) {
    for (const node of conversation.nodes.values()) {
      if (node.status !== "running" || isRunning(node)) continue
      if (node.background && node.response) this.#answered(conversation, node, new Answer(conversation, node).resume())
      else { node.status = "interrupted"; node.note = null; conversation.save([node], { touch: false }) }
      this.refresh(node)
    }
    this.composer.running = isBusy(conversation.id)
  }

  retitle() { this.app.title(this.record.title || "Chat"); this.heading.textContent = this.record.title || "New conversation" }

  /** A model that the page chose, because the server is away or has no other, replaces no choice of the person. */
  async #modelChanged(chosen) {
    if (!this.conversation) return
    if (chosen) {
      this.record.model = this.picker.model.id
      kept.set("model", this.record.model)
      if (!this.conversation.isEmpty) await this.conversation.save([], { touch: false })
    }
    this.#context()
    this.composer.redraw()
    this.abilities()
    if (this.conversation.isEmpty) this.#all()
  }

  /** Offers the microphone if a model transcribes, and reading aloud if there is a voice. */
  abilities() {
    const { all } = this.picker
    this.composer.ear.hidden = !modelFor("transcription", all)
    this.speech = all && modelFor("speech", all)
    for (const view of this.#views.values()) view.update()
  }
  voice() { return voice().then(module => module.editVoice(this)) }

  /** Shows the whole path again and keeps the elements of messages that stay. */
  #all() {
    const path = this.conversation.path()
    const old = this.#views
    this.#views = new Map()
    const start = Math.max(0, path.length - this.#window)
    fill(this.messages, path.length === 0 ? welcome(this) : [start > 0 && this.#earlier(), this.#rows(path.slice(start), old)])
    this.messages.classList.toggle("is-empty", path.length === 0)
    this.composer.running = isBusy(this.conversation.id)
    this.#context()
  }

  /** Returns a button that adds messages above. It works by itself when it comes near the visible part. */
  #earlier() {
    const more = () => {
      if (!button.isConnected) return
      this.#near.unobserve(button)
      const path = this.conversation.path()
      const end = Math.max(0, path.length - this.#window)
      this.#window += WINDOW
      const start = Math.max(0, path.length - this.#window)
      const below = this.scroller.scrollHeight - this.scroller.scrollTop
      button.replaceWith(...start > 0 ? [this.#earlier()] : [], ...this.#rows(path.slice(start, end), new Map()))
      this.scroller.scrollTop = this.scroller.scrollHeight - below
    }
    const button = el("button.quiet.earlier", { type: "button", onclick: more }, "Show earlier messages")
    button.show = more
    this.#near.observe(button)
    return button
  }

  #rows(path, old) {
    return path.map(node => {
      const group = node.group ? this.conversation.siblings(node).filter(each => each.group === node.group) : [node]
      const elements = group.map(each => {
        const view = old.get(each.id)?.node === each ? old.get(each.id) : this.#view(each)
        this.#views.set(each.id, view)
        view.update()
        return view.element
      })
      return elements.length > 1 ? el("div.side-by-side", {}, elements) : elements[0]
    })
  }

  #view(node) {
    const view = new MessageView(this.conversation, node, {
      retry: each => this.retry(each), extend: each => this.extend(each), edit: each => this.composer.edit(each), fork: each => this.fork(each), show: each => this.show(each),
      choose: each => this.choose(each), waits: each => this.#waits(each), proceed: each => this.proceed(each), resume: each => this.resume(each), codeOf: name => this.config.tools?.find(tool => tool.name === name)?.code,
      answer: (each, item, text) => this.answerCall(each, item, text), execute: (each, item) => this.execute(each, item), style: name => this.app.style(name),
      aloud: () => this.speech ? `Read aloud${this.speech === "browser" ? " with the browser's voice" : ""}` : null, read: (each, button) => voice().then(module => module.read(this, each, button)),
      details: (button, _, text) => this.app.menu(button, text.split("\n").map(line => ({ text: line, icon: "blank", run: () => {} }))),
    })
    this.#near.observe(view.element)
    return view
  }

  #tools() { fill(this.composer.left, controls(this)) }

  #context() {
    const { counted, usage } = this.conversation.path().findLast(node => node.usage || node.counted) ?? {}
    const limit = this.picker.model?.shimmy?.context_length
    this.composer.count.textContent = limit && (usage || counted) ? `${format.compact(counted ?? usage.input + usage.output)} of ${format.compact(limit)} tokens` : ""
  }

  /** Changes settings of the conversation. */
  async set(changes) {
    Object.assign(this.config, changes)
    if (this.conversation.isEmpty) kept.set("chat", lasting(this.config))
    else await this.conversation.save([], { touch: false })
    this.#tools()
  }

  async settings() {
    const changed = await (await import("./settings.js")).editSettings(this.config, this.picker.model, this.picker.capabilities)
    if (changed) await this.set(changed)
  }

  async tools() {
    const tools = await (await import("./settings.js")).editTools(this.config.tools ?? [], this.picker.capabilities.includes("tools"))
    if (tools) await this.set({ tools })
  }

  /** Sends a message, or a changed version of an earlier one. Returns false if nothing can be sent. */
  send(text, edited = null, files = []) {
    const model = this.picker.model
    if (!model) { this.app.toast(this.picker.list !== null ? "There is no model to answer." : this.picker.error?.message ?? "The list of models is still loading.", { kind: "bad" }); return false }
    const { conversation } = this
    const open = conversation.path().at(-1)
    if (!edited && open && callsOf(open).some(call => typeof call.output !== "string" && !call.cut) && open.status === "done") { this.app.toast("Give the tool's result first.", { kind: "bad" }); return false }
    const wrong = obstacle(files, edited ? conversation.path(edited.parent) : conversation.path(), model, this.picker.capabilities)
    if (wrong) { this.app.toast(wrong, { kind: "bad" }); return false }
    if (edited) this.record.dirty = true
    this.record.model = model.id
    const first = conversation.isEmpty
    const node = conversation.add(edited ? edited.parent : open, { role: "user", text, ...files.length > 0 ? { files } : {} })
    if (first) this.composer.move(conversation.id)
    conversation.save([node]).then(() => { if (first) this.outer.opened(conversation.id); this.outer.changed() }, error => this.app.toast(`The browser could not store the message: ${error.message}`, { kind: "bad" }))
    this.retitle()
    this.#ask(node)
    return true
  }

  /** Requests an answer to a message, or to the results of an answer's calls. */
  #ask(parent, round = 0) {
    const { conversation, picker } = this
    const other = round === 0 && parent.role === "user" && this.config.compare ? picker.list?.find(each => each.id === this.config.compare) : null
    const group = other ? newId() : undefined
    const nodes = [picker.model, ...other ? [other] : []].map(model => ({ model, node: conversation.add(parent, { role: "assistant", model: model.id, context: model.shimmy?.context_length, items: [], status: "running", round, ...group ? { group } : {} }) }))
    this.record.leaf = nodes[0].node.id
    prepare()
    if (group) this.record.dirty = true
    const started = nodes.map(each => ({ ...each, answer: new Answer(conversation, each.node) }))
    this.#follows = true
    this.#all()
    this.#toEnd(false)
    for (const { model, node, answer } of started) this.#answered(conversation, node, this.#run(conversation, answer, model, Boolean(group)))
  }

  async #run(conversation, answer, model, apart) {
    const { node } = answer
    const path = conversation.path(node.parent)
    let body
    try {
      body = fields(conversation.record.settings, model)
      if (conversation.record.place !== "server" || apart) return await answer.run({ ...body, input: inputOf(path, this.picker.of(model)), store: false })
      const server = await onServer()
      const { items, inputs, before } = server.newInputs(path)
      answer.inputs = inputs
      node.stored = true
      await server.sync(conversation, before)
      if (answer.stopped) throw new Error("Stopped.")
      await answer.run({ ...body, input: items, conversation: conversation.record.server, background: true, store: true })
    } catch (error) {
      await answer.refuse(error)
    }
  }

  /** Follows an answer to its end: records what the server stored, and runs tools that need no person. */
  async #answered(conversation, node, work) {
    const answer = Answer.of(node)
    await work
    if (conversation.record.place === "server" && !node.group) {
      const used = answer?.inputs
      if (node.background && used && (node.status === "done" || node.status === "length")) await onServer().then(server => server.record(conversation, used, node)).catch(() => { conversation.record.dirty = true })
      else { conversation.record.dirty = true; await conversation.save([], { touch: false }).catch(() => {}) }
    }
    if (this.conversation === conversation) {
      this.composer.running = isBusy(conversation.id)
      this.#context()
      this.live.textContent = node.status === "done" ? "The answer is complete." : ""
    }
    this.outer.changed()
    if (node.status === "done") for (const item of callsOf(node)) {
      const tool = conversation.record.settings.tools?.find(each => each.name === item.name)
      if (tool?.auto && tool.code && node.round < MAX_ROUNDS) await this.execute(node, item, conversation)
    }
  }

  async execute(node, item, conversation = this.conversation) {
    await (await import("./tools.js")).execute(this, node, item, conversation)
  }

  async answerCall(node, item, output, conversation = this.conversation) {
    if (typeof item.output === "string") return // The person's result and that of the code can come together.
    item.output = output
    await conversation.save([node])
    this.refresh(node)
    if (this.conversation === conversation && this.#waits(node)) this.proceed(node)
  }

  /** Whether an answer has the results of all its calls, and no answer follows. */
  #waits(node) {
    const calls = callsOf(node)
    return calls.length > 0 && calls.every(call => typeof call.output === "string") && !this.conversation.children.get(node.id)?.length
  }

  proceed(node) { if (!isBusy(this.conversation.id) && this.picker.model && this.#waits(node)) this.#ask(node, (node.round ?? 0) + 1) }

  /** Answers the same message again, as another branch. */
  retry(node) {
    if (isBusy(this.conversation.id) || !this.picker.model) return
    const parent = this.conversation.nodes.get(node.parent)
    if (!parent) return
    this.record.dirty = true
    this.#ask(parent, node.round ?? 0)
  }

  retryLast() {
    if (!this.conversation || isBusy(this.conversation.id) || !this.picker.model) return
    const last = this.conversation.path().at(-1)
    if (last?.role === "assistant") this.retry(last)
    else if (last) this.#ask(last)
  }

  async extend(node) {
    if (isBusy(this.conversation.id) || !this.picker.model) return
    const { conversation } = this
    const model = this.picker.list?.find(each => each.id === node.model) ?? this.picker.model
    const answer = new Answer(conversation, node)
    this.composer.running = true
    node.server = null
    this.record.dirty = true
    let settings
    try { settings = fields(this.config, model) } catch (error) { return answer.refuse(error) }
    this.#answered(conversation, node, answer.extend(messagesOf(conversation.path(node.id), this.config.system, this.picker.of(model)), settings))
    this.refresh(node)
  }

  resume(node) { this.#answered(this.conversation, node, new Answer(this.conversation, node).resume()) }
  stop() { stopAll(this.conversation) }
  /** Stops the answer in progress. Returns false if there is none. */
  escape() { return isBusy(this.conversation?.id) ? void this.stop() : false }

  show(node) {
    if (isBusy(this.conversation.id)) return
    this.conversation.select(node)
    this.conversation.save([], { touch: false })
    this.#follows = false
    this.#all()
  }

  /** Keeps one of two answers side by side. */
  async choose(node) {
    if (isBusy(this.conversation.id)) return
    const group = this.conversation.siblings(node).filter(each => each.group === node.group)
    for (const each of group) { delete each.group; this.#views.delete(each.id) }
    this.conversation.select(node)
    await this.conversation.save(group, { touch: false })
    this.#all()
  }

  async fork(node) {
    const copy = this.conversation.copy(node)
    await copy.save([...copy.nodes.values()])
    this.outer.changed()
    this.app.go(`chat/${copy.id}`)
  }

  #editLast() {
    const last = this.conversation.path().findLast(node => node.role === "user")
    if (last) this.composer.edit(last)
    return Boolean(last)
  }

  /** Shows an answer that grew. Many events become one change in each frame. */
  progress(conversation, node) {
    if (conversation !== this.conversation) return
    this.#dirty.add(node.id)
    this.draw()
  }

  refresh(node) { this.#dirty.add(node.id); this.draw() }
  #drawDirty() {
    if (this.#dirty.has(this.record.leaf) && !this.#views.has(this.record.leaf)) this.#all()
    for (const id of this.#dirty) this.#views.get(id)?.update()
    this.#dirty.clear()
    if (!isBusy(this.conversation.id)) this.composer.running = false
    if (this.#follows) this.#toEnd(false)
  }

  async changedElsewhere(id) {
    if (!this.conversation || this.conversation.id !== id || isBusy(id) || this.conversation.isEmpty) return
    const fresh = await Conversation.load(id)
    if (isBusy(id) || this.conversation?.id !== id) return
    if (!fresh) {
      this.conversation.isRemoved = true
      this.app.toast("This conversation was deleted in another tab.")
      return this.app.go("chat")
    }
    this.conversation = fresh
    this.#views.clear()
    this.#all()
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller
    this.#follows = scrollHeight - scrollTop - clientHeight < 40
    this.down.hidden = this.#follows
  }

  #toEnd(focus = true) {
    this.scroller.scrollTop = this.scroller.scrollHeight
    if (focus) this.composer.field.focus()
  }
}
