// The inline part of Markdown: emphasis, code, links, mathematics. One pass finds tokens, a second pairs delimiters, a third builds elements.
import { el } from "./dom.js"
import { formula } from "./later.js"

const SPECIAL = /[\\`*_~[\]!<&$\n]|https?:\/\//g
const MAX_OPEN = 24, MAX_TARGET = 2048, MAX_FORMULA = 4000
const entities = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0", copy: "©", mdash: "—", ndash: "–", hellip: "…", times: "×" }

/** Returns a fragment with the elements of a text without blocks. */
export function inline(source) {
  const tokens = new Scanner(source).scan()
  pair(tokens)
  return build(tokens)
}

class Scanner {
  constructor(source) {
    this.source = source
    this.tokens = []
    this.brackets = []
    this.missing = new Set()
    this.runs = null
  }

  scan() {
    const { source } = this
    let at = 0
    while (at < source.length) {
      SPECIAL.lastIndex = at
      const found = SPECIAL.exec(source)
      if (found === null) { this.text(source.slice(at)); break }
      if (found.index > at) this.text(source.slice(at, found.index))
      at = this.special(found.index)
    }
    return this.tokens
  }

  text(value) { this.tokens.push({ text: value }) }
  node(make) { this.tokens.push({ make }) }

  /** Handles the character at `at` and returns where to go on. */
  special(at) {
    const letter = this.source[at]
    switch (letter) {
    case "\\": return this.escape(at)
    case "`": return this.code(at)
    case "*": case "_": case "~": return this.delimiter(at, letter)
    case "!": if (this.source[at + 1] === "[") { this.open(at, 2); return at + 2 } break
    case "[": this.open(at, 1); return at + 1
    case "]": return this.close(at)
    case "<": return this.angle(at)
    case "&": return this.entity(at)
    case "$": return this.dollar(at)
    case "\n": return this.line(at)
    case "h": return this.address(at)
    }
    this.text(letter)
    return at + 1
  }

  escape(at) {
    const following = this.source[at + 1]
    if (following === "(" || following === "[") {
      const end = this.find(following === "(" ? "\\)" : "\\]", at + 2)
      if (end >= 0) { const body = this.source.slice(at + 2, end); this.node(() => formula(body, following === "[")); return end + 2 }
    }
    if (following === "\n") { this.node(() => el("br")); return at + 2 }
    if (following !== undefined && /[!-/:-@[-`{-~]/.test(following)) { this.text(following); return at + 2 }
    this.text("\\")
    return at + 1
  }

  /** Returns where a text is found next within the limit of a formula. A text that is missing once is not searched again. */
  find(text, from) {
    if (this.missing.has(text)) return -1
    const end = this.source.indexOf(text, from)
    if (end < 0) this.missing.add(text)
    return end - from > MAX_FORMULA ? -1 : end
  }

  code(at) {
    const length = /^`+/.exec(this.source.slice(at, at + 256))[0].length
    this.runs ??= this.ticks()
    const places = this.runs.get(length) ?? []
    while (places.length > 0 && places.at(-1) <= at) places.pop()
    if (places.length === 0) { this.text("`".repeat(length)); return at + length }
    const end = places.at(-1)
    const body = this.source.slice(at + length, end).replace(/\n/g, " ")
    const stripped = body.startsWith(" ") && body.endsWith(" ") && body.trim() !== "" ? body.slice(1, -1) : body
    this.node(() => el("code", {}, stripped))
    return end + length
  }

  /** Returns the places of all runs of backticks by length, the last first. */
  ticks() {
    const runs = new Map()
    for (const match of this.source.matchAll(/`+/g)) {
      for (let from = 0; from < match[0].length; from += 256) {
        const length = Math.min(256, match[0].length - from)
        if (!runs.has(length)) runs.set(length, [])
        runs.get(length).push(match.index + from)
      }
    }
    for (const places of runs.values()) places.reverse()
    return runs
  }

  delimiter(at, letter) {
    let end = at + 1
    while (this.source[end] === letter && end - at < 64) end += 1
    const before = this.source[at - 1] ?? " ", after = this.source[end] ?? " "
    const space = /\s/, mark = /[\p{P}\p{S}]/u
    const left = !space.test(after) && (!mark.test(after) || space.test(before) || mark.test(before))
    const right = !space.test(before) && (!mark.test(before) || space.test(after) || mark.test(after))
    const opens = letter === "_" ? left && (!right || mark.test(before)) : left
    const closes = letter === "_" ? right && (!left || mark.test(after)) : right
    if (letter === "~" && end - at !== 2) this.text(this.source.slice(at, end))
    else this.tokens.push({ letter, count: end - at, opens, closes, starts: [], ends: [] })
    return end
  }

  open(at, length) {
    if (this.brackets.length >= 64) this.brackets.shift()
    this.brackets.push({ token: this.tokens.length, image: length === 2 })
    this.text(this.source.slice(at, at + length))
  }

  close(at) {
    const bracket = this.brackets.pop()
    const target = bracket && this.source[at + 1] === "(" ? this.target(at + 2) : null
    if (target === null) { this.text("]"); return at + 1 }
    const inner = this.tokens.splice(bracket.token).slice(1)
    pair(inner)
    if (!bracket.image) this.brackets = []
    this.node(() => link(target.address, build(inner), bracket.image))
    return target.end
  }

  /** Reads "address "title")" and returns the address and the place after it, or null. */
  target(from) {
    const part = this.source.slice(from, from + MAX_TARGET)
    const match = /^\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(part)
    return match ? { address: match[1] ?? match[2], end: from + match[0].length } : null
  }

  angle(at) {
    const part = this.source.slice(at, at + MAX_TARGET)
    const match = /^<((?:https?:\/\/|mailto:)[^\s<>]*)>/.exec(part)
    if (match) { this.node(() => link(match[1], match[1])); return at + match[0].length }
    const line = /^<br ?\/?>/i.exec(part)
    if (line) { this.node(() => el("br")); return at + line[0].length }
    this.text("<")
    return at + 1
  }

  entity(at) {
    const match = /^&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,8}));/.exec(this.source.slice(at, at + 12))
    const code = match && (match[1] ? Number(match[1]) : match[2] ? Number.parseInt(match[2], 16) : null)
    const text = match && (code === null ? entities[match[3]] : code > 31 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd")
    this.text(text ?? "&")
    return at + (text ? match[0].length : 1)
  }

  dollar(at) {
    const double = this.source[at + 1] === "$"
    const from = at + (double ? 2 : 1)
    const end = this.find(double ? "$$" : "$", from)
    const body = end > from ? this.source.slice(from, end) : ""
    const fits = double ? body.trim() !== "" : body !== "" && !/^\s|\s$|\n\n/.test(body) && !/\d/.test(this.source[end + 1] ?? "")
    if (!fits) { this.text(double ? "$$" : "$"); return from }
    this.node(() => formula(body, double))
    return end + (double ? 2 : 1)
  }

  line(at) {
    const last = this.tokens.at(-1)
    const hard = last?.text?.endsWith("  ")
    if (last?.text !== undefined) last.text = last.text.replace(/ {1,64}$/, "")
    hard ? this.node(() => el("br")) : this.text("\n")
    return at + 1
  }

  address(at) {
    const before = this.source[at - 1] ?? " "
    const match = /^https?:\/\/[^\s<>"`*|\\^{}]+/.exec(this.source.slice(at, at + MAX_TARGET))
    if (!match || /[\w/]/.test(before)) { this.text("h"); return at + 1 }
    let address = match[0]
    const parts = text => text.split("(").length - text.split(")").length
    while (/[.,;:!?'"\])]$/.test(address) && !(address.endsWith(")") && parts(address) >= 0)) address = address.slice(0, -1)
    if (this.brackets.length > 0) address = address.split("]")[0]
    this.node(() => link(address, address))
    return at + address.length
  }
}

/** Pairs delimiters. Each one is pushed and popped once, and the number of open ones is limited, so the time is linear and the depth bounded. */
function pair(tokens) {
  const open = { "*": [], "_": [], "~": [] }
  tokens.forEach((token, index) => {
    if (token.letter === undefined) return
    token.left = token.count
    if (token.closes) {
      const stack = open[token.letter]
      while (token.left > 0 && stack.length > 0) {
        const opener = tokens[stack.at(-1)]
        const size = token.letter === "~" ? 2 : Math.min(2, token.left, opener.left)
        for (const other of Object.values(open)) while (other.length > 0 && other.at(-1) > stack.at(-1)) other.pop()
        opener.starts.unshift(token.letter === "~" ? "del" : size === 2 ? "strong" : "em")
        token.ends.push(size)
        opener.left -= size
        token.left -= size
        if (opener.left === 0) stack.pop()
      }
    }
    if (token.opens && token.left > 0 && open[token.letter].length < MAX_OPEN) open[token.letter].push(index)
  })
}

function build(tokens) {
  const root = document.createDocumentFragment()
  const stack = [root]
  let text = ""
  const flush = () => { if (text !== "") stack.at(-1).append(text); text = "" }
  for (const token of tokens) {
    if (token.text !== undefined) { text += token.text; continue }
    if (token.make) { flush(); stack.at(-1).append(token.make()); continue }
    for (const _ of token.ends) { flush(); if (stack.length > 1) stack.pop() }
    text += token.letter.repeat(token.left)
    for (const name of token.starts) {
      flush()
      const element = el(name)
      stack.at(-1).append(element)
      stack.push(element)
    }
  }
  flush()
  return root
}

/** Returns a link that shows where it leads. Addresses other than http, https and mailto stay text. */
function link(address, content, image = false) {
  const label = typeof content === "string" ? content : content.textContent
  let url
  try { url = new URL(address) } catch { return el("span", {}, content, address && ` (${address})`) }
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) return el("span", {}, content, ` (${address})`)
  if (typeof content !== "string") for (const inner of content.querySelectorAll("a")) inner.replaceWith(...inner.childNodes)
  const host = url.protocol === "mailto:" ? url.pathname : url.host
  const shown = label.includes(host) && /^(?:https?:\/\/|mailto:)?[\x21-\x7e]+$/.test(label) && sameHost(label, host)
  return el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href },
    image && "Image: ", label.trim() === "" ? url.href : content, !shown && el("bdi.target", { dir: "ltr" }, ` (${host.slice(0, 80)})`))
}

function sameHost(label, host) {
  const text = label.replace(/^(?:https?:\/\/|mailto:)/, "")
  return text === host || text.startsWith(`${host}/`) || text.startsWith(`${host}?`) || text.startsWith(`${host}#`)
}
