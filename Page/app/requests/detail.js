// One request: a waterfall of its time, its facts, and what the server keeps of its text.
import { copy, copyButton } from "../copy.js"
import { el, fill } from "../dom.js"
import { count, moment, percent, rate, seconds } from "../format.js"
import { highlight } from "../highlight.js"
import { icon } from "../icons.js"
import { asCurl, asPython } from "./programs.js"
import { answers, body, isAnswer, parts, prompts, record, verdict } from "./record.js"

const MOST_HIGHLIGHTED = 100000
const TOKENS_AT_ONCE = 3000

export function detail(source, app) {
  const one = record(source)
  return [
    el("div.row", {}, end(one), one.api && el("span.chip", {}, one.api), one.stream && el("span.chip", {}, "stream"), one.at !== null && el("span.muted.small", {}, moment(one.at))),
    waterfall(one),
    el("div.requests-columns", {}, facts(one), tokens(one)),
    texts(source, one, app),
  ]
}

const ends = { stop: ["good", "complete"], length: ["warn", "token limit"], tool_calls: ["good", "tool call"], disconnect: ["warn", "stopped by the client"] }

/** How a request ended, in words. */
export function endWords(one) {
  if (one.status >= 400) return `error ${one.status}`
  if (one.end === "none" || one.end === null) return String(one.status ?? "–")
  return ends[one.end]?.[1] ?? one.end.replaceAll("_", " ")
}

/** How a request ended, as a chip. */
export function end(one) {
  const failed = one.status >= 400 || one.end === "error"
  const kind = failed ? "bad" : ends[one.end]?.[0]
  return el(`span.chip${kind ? `.${kind}` : ""}`, {}, endWords(one))
}

function waterfall(one) {
  const all = parts(one)
  const total = all.at(-1)?.to ?? 0
  if (total <= 0) return null
  const until = one.answered ?? one.total
  const speed = one.output > 1 && one.first !== null && until > one.first ? rate((one.output - 1) / (until - one.first)) : null
  const extra = { prefill: one.prompt !== null && `${count(Math.max(0, one.prompt - (one.cached ?? 0)))} tokens`, decode: speed !== null && `${speed} tokens/s` }
  const words = verdict(one)
  return el("section.card.stack", { "aria-labelledby": "waterfall" }, el("div.spread", {}, el("h2#waterfall", {}, "Time"), el("span.number.muted", {}, `${seconds(total)} in all`)),
    el("ol.waterfall", {}, all.map(part => el("li", { title: part.note },
      el("span.waterfall-name", {}, part.title),
      el("span.waterfall-track", { "aria-hidden": "true" }, el(`i.${part.name}`, { style: { "--from": (part.from / total).toFixed(4), "--share": ((part.to - part.from) / total).toFixed(4) } })),
      el("span.waterfall-time.number", {}, seconds(part.to - part.from)),
      el("span.waterfall-note.small.muted.number", {}, [percent((part.to - part.from) / total), extra[part.name]].filter(Boolean).join(", "))))),
    words && el("p.muted", {}, words))
}

function facts(one) {
  const rows = [
    ["Model", one.model], ["Route", one.path && `${one.method} ${one.path}`, "mono"], ["Key", one.key], ["Address", one.client, "mono"], ["Status", one.status],
    ["Error", one.error], ["First token", one.first !== null && isAnswer(one) && seconds(one.first)], ["Request", one.id, "mono"],
  ].filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "")
  return el("section.card.stack", {}, el("h2", {}, "Facts"), el("dl.facts", {}, rows.map(([name, value, style]) => [el("dt", {}, name), el("dd", { dir: "auto", class: style }, String(value))])))
}

function tokens(one) {
  if (one.prompt === null && one.output === null) return null
  const cached = one.cached ?? 0
  const whole = Math.max(1, (one.prompt ?? 0) + (one.output ?? 0))
  const rows = [["cached", "From the cache", cached], ["prefill", "Computed", Math.max(0, (one.prompt ?? 0) - cached)], ["decode", "Answer", one.output ?? 0]]
  return el("section.card.stack", {}, el("h2", {}, "Tokens"),
    el("div.requests-bar", { "aria-hidden": "true" }, rows.map(([name, , value]) => value > 0 && el(`i.${name}`, { style: { "--share": value / whole } }))),
    el("ul.requests-plain", {}, rows.map(([name, title, value]) => el("li.spread", {}, el("span.row", {}, el(`i.swatch.${name}`), title), el("span.number", {}, count(value))))),
    one.prompt > 0 && el("p.small.muted", {}, cached > 0 ? `The cache had ${percent(cached / one.prompt)} of the prompt.` : "The cache had nothing of the prompt."))
}

function texts(source, one, app) {
  const sent = body(source), given = answers(source), rendered = prompts(source)
  if (sent === null && given.length === 0 && rendered.length === 0) {
    return el("div.notice", {}, icon("key"), el("div", {}, el("p", {}, one.inspected ? "The texts of this request are not kept any more." : "The server does not keep texts of requests."),
      !one.inspected && el("p.small.muted", {}, "With the option ", el("code", {}, "--inspect-requests"), " it keeps the bodies, prompts and answers of the last requests in memory, for admins only.")))
  }
  return [
    sent !== null && again(one, sent, app),
    rendered.map((prompt, index) => promptPart(prompt, rendered.length > 1 ? `Prompt ${index + 1}` : "Prompt")),
    given.map(answer => answerPart(answer, given.length > 1 ? `Answer ${answer.index + 1}` : "Answer")),
    sent !== null && bodyPart(sent),
  ]
}

/** Buttons that copy the request as a program. A body that was cut cannot be sent again. */
function again(one, sent, app) {
  const path = (one.path ?? "").replace("{model}", encodeURIComponent(one.model ?? ""))
  if (sent.cut || path === "" || path.includes("{")) return el("p.small.muted", {}, "The body is too long to send the request again from here.")
  const order = { method: one.method, url: new URL(path.replace(/^\//, ""), app.api.base).href, body: sent.value ?? sent.text, key: one.key !== null }
  const button = (words, make) => el("button", { type: "button", onclick: async () => {
    const done = await copy(make(order))
    app.toast(done ? `${words.replace("Copy", "Copied")}.` : "The browser did not allow copying.", { kind: done ? "good" : "bad" })
  } }, icon("copy", 16), words)
  return el("div.row", {}, button("Copy as curl", asCurl), button("Copy as Python", asPython))
}

function bodyPart(sent) {
  const source = sent.value === null ? sent.text : JSON.stringify(sent.value, null, 2)
  const code = el("code", { dir: "ltr" })
  const part = el("details.card.requests-text", { ontoggle: () => {
    if (part.open && !code.hasChildNodes()) fill(code, source.length <= MOST_HIGHLIGHTED ? highlight(source, "json") : source)
  } },
  el("summary", {}, el("h2", {}, "Body"), el("span.small.muted", {}, `${count(source.length)} characters${sent.cut ? ", cut" : ""}`)),
  el("div.requests-code", {}, copyButton(() => source, "Copy the body"), el("pre", { tabindex: "0", role: "region", "aria-label": "Body" }, code)))
  return part
}

function answerPart({ content, reasoning, calls, cut }, title) {
  const texts = [["Reasoning", reasoning], ["", content], ["Calls", calls]].filter(([, value]) => value !== null)
  return el("section.card.stack", {}, el("div.spread", {}, el("h2", {}, title), copyButton(() => [reasoning, content, calls].filter(Boolean).join("\n\n"), "Copy the answer")),
    texts.length === 0 && el("p.muted", {}, "The answer is empty."),
    texts.map(([name, value]) => [name && el("h3", {}, name), el("div.prompt", { tabindex: "0", role: "region", "aria-label": name || title, dir: "auto" }, value)]),
    cut && el("p.small.muted", {}, "The server kept only the beginning."))
}

/** The rendered prompt: alternating tints show tokens, and their hue shows the part that the cache had. */
function promptPart({ tokens, cached, count: all, cut }, title) {
  const had = cached ?? 0
  const place = el("div.prompt", { tabindex: "0", role: "region", "aria-label": title, dir: "auto" })
  const more = el("button.small", { type: "button", onclick: () => add() })
  let shown = 0
  function add() {
    const next = Math.min(tokens.length, shown + TOKENS_AT_ONCE)
    for (; shown < next; shown += 1) {
      if (shown === had && had > 0) place.append(el("span.prompt-end", {}, "the cache ended here"))
      place.append(el(`span.${shown < had ? "cached" : "computed"}.${shown % 2 ? "odd" : "even"}`, { title: `token ${shown + 1}` }, visible(tokens[shown])))
    }
    more.textContent = `Show ${count(Math.min(TOKENS_AT_ONCE, tokens.length - shown))} more tokens`
    more.hidden = shown >= tokens.length
  }
  add()
  return el("section.card.stack", {}, el("div.spread", {}, el("h2", {}, title), copyButton(() => tokens.join(""), "Copy the prompt")),
    el("p.small.muted.prompt-key", {}, `${count(all ?? tokens.length)} tokens`, cached !== null && [": ", el("span.cached", {}, `${count(had)} from the cache`), " ", el("span.computed", {}, `${count((all ?? tokens.length) - had)} computed`)]),
    place, more, cut && el("p.small.muted", {}, "The server kept only the beginning."))
}

/** Shows white space and line ends within a token. */
const visible = token => token === "" ? "∅" : token.replace(/\n/g, "↵\n").replace(/\t/g, "⇥").replace(/\r/g, "␍")
