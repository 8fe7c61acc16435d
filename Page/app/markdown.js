// Markdown of models as elements: the everyday part of CommonMark, tables, task lists and mathematics. HTML stays text, images are links.
// The time is linear in the text's length whatever a model writes: nesting, tables and searches have limits.
import { codeBlock } from "./code.js"
import { el } from "./dom.js"
import { inline } from "./inline.js"
import { formula } from "./later.js"

const MAX_DEPTH = 12, MAX_TEXT = 4_000_000, MAX_ROWS = 300, MAX_ITEMS = 200, MAX_LINES = 300, MAX_COLUMNS = 64

const FENCE = /^ {0,3}(`{3,}|~{3,}) *([^`]*)$/
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?: +|\t|$)/
const QUOTE = /^ {0,3}> ?/
const MATHS = /^ {0,3}(\$\$|\\\[)/

/** Returns a fragment with the elements of a text. */
export function markdown(source) {
  const fragment = document.createDocumentFragment()
  const lines = source.slice(0, MAX_TEXT).split(/\r?\n/)
  for (let at = 0, carry = null; at < lines.length;) {
    const block = next(lines, at, 0, carry)
    if (block.node) fragment.append(block.node())
    carry = block.carry ?? null
    at = block.end
  }
  if (source.length > MAX_TEXT) fragment.append(el("pre", {}, source.slice(MAX_TEXT)))
  return fragment
}

/** Shows a growing text. Finished blocks stay in the page; only the last one is rendered again, and less often if rendering takes long. */
export class MarkdownView {
  #element
  #source = ""
  #start = 0
  #carry = null
  #last = null
  #pause = 0
  #timer = null

  constructor(element) {
    this.#element = element
  }

  /** Shows the text. `done` renders at once and completely. */
  update(source, done = false) {
    if (!source.startsWith(this.#source.slice(0, this.#start))) this.#reset()
    this.#source = source
    const now = performance.now()
    if (done) return this.#render(true)
    if (this.#timer !== null) return
    if (now >= this.#pause) return this.#render(false)
    this.#timer = setTimeout(() => { this.#timer = null; this.#render(false) }, this.#pause - now)
  }

  #reset() {
    this.#element.replaceChildren()
    this.#start = 0
    this.#carry = null
    this.#last = null
  }

  #render(done) {
    clearTimeout(this.#timer)
    this.#timer = null
    const began = performance.now()
    const tail = this.#source.slice(this.#start, this.#start + MAX_TEXT)
    const lines = tail.split("\n")
    this.#last?.forEach(node => node.remove())
    this.#last = null
    for (let at = 0; at < lines.length;) {
      const block = next(lines, at, 0, this.#carry, !done)
      const nodes = block.node ? [block.node()] : []
      this.#element.append(...nodes)
      if (block.end >= lines.length) { this.#last = nodes; break }
      for (; at < block.end; at += 1) this.#start += lines[at].length + 1
      this.#carry = block.carry ?? null
    }
    const now = performance.now()
    this.#pause = now + 8 * (now - began)
  }
}

/** Returns the block that begins at a line: `end`, the line after it, and `node`, a function that makes its element. */
function next(lines, at, depth, carry = null, growing = false) {
  const line = clean(lines[at])
  if (carry !== null && isRow(line)) return table(lines, at, carry.head, carry.sides)
  if (line.trim() === "") return { end: at + 1 }
  let match
  if ((match = FENCE.exec(line)) !== null) return fenced(lines, at, match, growing)
  if ((match = HEADING.exec(line)) !== null) {
    const [, marks, title = ""] = match
    return { end: at + 1, node: () => el(`h${Math.min(6, marks.length + 1)}`, { dir: "auto" }, inline(title.replace(/(^|[ \t])#+[ \t]*$/, ""))) }
  }
  if (RULE.test(line)) return { end: at + 1, node: () => el("hr") }
  if (MATHS.test(line) && (match = display(lines, at)) !== null) return match
  if (depth < MAX_DEPTH && QUOTE.test(line)) return quote(lines, at, depth)
  if (depth < MAX_DEPTH && ITEM.test(line)) return list(lines, at, depth)
  if (isRow(line) && at + 1 < lines.length) {
    const sides = columns(clean(lines[at + 1]))
    const head = sides && cells(line)
    if (head && head.length === sides.length) return table(lines, at + 2, head, sides)
  }
  if (/^(?: {4}|\t)/.test(line)) return indented(lines, at)
  return paragraph(lines, at, depth)
}

const clean = line => line.endsWith("\r") ? line.slice(0, -1) : line

function fenced(lines, at, [, fence, info], growing) {
  const indent = /^ */.exec(lines[at])[0].length
  const body = []
  let end = at + 1, closed = false
  for (; end < lines.length && !closed; end += 1) {
    const line = clean(lines[end])
    const trimmed = line.trim()
    closed = trimmed.length >= fence.length && /^ {0,3}[`~]/.test(line) && trimmed === fence[0].repeat(trimmed.length)
    if (!closed) body.push(indent > 0 ? line.replace(new RegExp(`^ {1,${indent}}`), "") : line)
  }
  return { end, node: () => codeBlock(body.join("\n"), info.trim().split(/\s/)[0], growing && !closed) }
}

function indented(lines, at) {
  const body = []
  let end = at
  for (; end < lines.length && /^(?: {4}|\t|\s*$)/.test(lines[end]); end += 1) body.push(clean(lines[end]).replace(/^(?: {4}|\t)/, ""))
  while (body.at(-1)?.trim() === "") { body.pop(); end -= 1 }
  return { end, node: () => codeBlock(body.join("\n"), "") }
}

function display(lines, at) {
  const line = clean(lines[at]).trimStart()
  const close = line.startsWith("$$") ? "$$" : "\\]"
  let source = line.slice(2), end = at + 1
  for (; !source.includes(close) && end < lines.length && end - at < 60; end += 1) {
    if (lines[end].trim() === "") return null
    source += `\n${clean(lines[end])}`
  }
  const stop = source.indexOf(close)
  if (stop < 0 || source.slice(stop + 2).trim() !== "") return null
  return { end, node: () => el("div.maths", {}, formula(source.slice(0, stop), true)) }
}

function children(parent, lines, depth) {
  for (let at = 0, carry = null; at < lines.length;) {
    const block = next(lines, at, depth, carry)
    if (block.node) parent.append(block.node())
    carry = block.carry ?? null
    at = block.end
  }
  return parent
}

function quote(lines, at, depth) {
  const body = []
  let end = at
  for (; end < lines.length && body.length < MAX_LINES; end += 1) {
    const line = clean(lines[end])
    if (QUOTE.test(line)) body.push(line.replace(QUOTE, ""))
    else if (line.trim() !== "" && body.at(-1).trim() !== "" && !begins(line)) body.push(line)
    else break
  }
  return { end, node: () => children(el("blockquote", { dir: "auto" }), body, depth + 1) }
}

/** Returns whether a line begins a block that ends a paragraph. */
function begins(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || /^ {0,3}(?:[-*+]|1[.)]) +\S/.test(line) || MATHS.test(line)
}

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at])
  const ordered = /\d/.test(first[2])
  const kind = ordered ? first[2].at(-1) : first[2]
  const items = []
  let end = at, loose = false, blank = false, inner = 0
  for (; end < lines.length; end += 1) {
    const line = clean(lines[end])
    const indent = /^ */.exec(line)[0].length
    const marker = ITEM.exec(line)
    if (line.trim() === "") { blank = true; items.at(-1)?.push(""); continue }
    if (items.length > 0 && (indent >= inner || indent >= 2 && /^ +(?:[-*+]|\d{1,9}[.)]) /.test(line))) {
      items.at(-1).push(line.slice(Math.min(indent, inner)))
    } else if (marker && (ordered ? marker[2].endsWith(kind) && marker[2].length > 1 : marker[2] === kind) && !RULE.test(line)) {
      if (items.length >= MAX_ITEMS) break
      if (blank && items.length > 0) loose = true
      inner = Math.min(marker[0].length, marker[1].length + marker[2].length + 4)
      if (line.slice(marker[0].length).trim() === "") inner = marker[1].length + marker[2].length + 1
      items.push([line.slice(inner)])
    } else if (!blank && items.length > 0 && !begins(line)) items.at(-1).push(line.trimStart())
    else break
    blank = false
  }
  while (end > at && lines[end - 1].trim() === "" && end < lines.length) end -= 1
  return { end, node: () => listElement(items, ordered ? Number.parseInt(first[2], 10) : null, loose, depth) }
}

function listElement(items, start, loose, depth) {
  const element = el(start === null ? "ul" : "ol", { dir: "auto", start: start === null || start === 1 ? null : start })
  for (const lines of items) {
    const task = /^\[([ xX])\] +/.exec(lines[0])
    if (task) lines[0] = lines[0].slice(task[0].length)
    const item = children(el("li", { dir: "auto" }), lines, depth + 1)
    if (!loose && item.firstElementChild?.tagName === "P") item.firstElementChild.replaceWith(...item.firstElementChild.childNodes)
    if (task) {
      const done = task[1] !== " "
      item.classList.add("task")
      item.prepend(el("span.tick", { role: "img", "aria-label": done ? "Done:" : "Open:", dataset: { done: String(done) } }, done ? "✓" : ""))
    }
    element.append(item)
  }
  return element
}

const isRow = line => line.includes("|") && line.trim().length > 1

/** Returns the alignments of a delimiter row, or null. */
function columns(line) {
  const parts = line.includes("-") && line.length < 4096 ? cells(line) : []
  if (parts.length === 0 || parts.length > MAX_COLUMNS || !parts.every(part => /^:?-+:?$/.test(part))) return null
  return parts.map(part => part.endsWith(":") ? part.startsWith(":") ? "center" : "end" : null)
}

function cells(line) {
  const parts = []
  let text = "", code = false
  const trimmed = line.trim()
  for (let index = trimmed.startsWith("|") ? 1 : 0; index < trimmed.length && parts.length <= MAX_COLUMNS; index += 1) {
    const letter = trimmed[index]
    if (letter === "\\" && trimmed[index + 1] === "|") { text += "|"; index += 1; continue }
    if (letter === "`") code = !code
    if (letter === "|" && !code) { parts.push(text.trim()); text = "" } else text += letter
  }
  if (text.trim() !== "") parts.push(text.trim())
  return parts
}

function table(lines, at, head, sides) {
  const rows = []
  let end = at
  while (end < lines.length && isRow(lines[end]) && rows.length < MAX_ROWS) { rows.push(cells(clean(lines[end]))); end += 1 }
  const cell = (tag, text, column) => el(tag, { dir: "auto", style: sides[column] ? { textAlign: sides[column] } : {} }, inline(text ?? ""))
  const node = () => el("div.table", { tabindex: "0", role: "region", "aria-label": "Table" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((text, column) => cell("th", text, column)))),
    el("tbody", {}, rows.map(row => el("tr", {}, sides.map((_, column) => cell("td", row[column], column)))))))
  return { end, node, carry: rows.length >= MAX_ROWS ? { head, sides } : null }
}

function paragraph(lines, at, depth) {
  const body = [clean(lines[at])]
  let end = at + 1, level = 0
  for (; end < lines.length && body.length < MAX_LINES; end += 1) {
    const line = clean(lines[end])
    if (line.trim() === "") break
    const under = /^ {0,3}(=+|-+)[ \t]*$/.exec(line)
    if (under) { level = under[1][0] === "=" ? 2 : 3; end += 1; break }
    if (begins(line) || depth < MAX_DEPTH && isRow(line) && end + 1 < lines.length && columns(clean(lines[end + 1]))) break
    body.push(line)
  }
  const text = body.map(line => line.trimStart()).join("\n")
  return { end, node: () => el(level > 0 ? `h${level}` : "p", { dir: "auto" }, inline(text)) }
}
