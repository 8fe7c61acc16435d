// Colours for common languages: comments, strings, numbers, keywords, functions and types. Each pattern consumes what it reads, so the time is linear.
import { el } from "./dom.js"

const words = text => new Set(text.split(" "))
const C = words("auto break case char const continue default do double else enum extern float for goto if int long register return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false nullptr NULL class namespace template typename public private protected virtual override new delete this using try catch throw constexpr noexcept operator friend inline explicit final")
const JS = words("async await break case catch class const continue debugger default delete do else export extends false finally for from function get if import in instanceof let new null of return set static super switch this throw true try typeof undefined var void while with yield type interface enum implements declare readonly as keyof namespace abstract private public protected")
const PYTHON = words("and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield")
const SWIFT = words("actor any as associatedtype async await break case catch class continue default defer deinit do else enum extension fallthrough false fileprivate final for func guard if import in indirect init inout internal is lazy let mutating nil nonisolated open operator override package private protocol public repeat required rethrows return self Self some static struct subscript super switch throw throws true try typealias unowned var weak where while")
const RUST = words("as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type union unsafe use where while i8 i16 i32 i64 u8 u16 u32 u64 usize isize f32 f64 bool str char")
const GO = words("break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var true false nil string int int64 float64 bool byte error")
const JAVA = words("abstract assert boolean break byte case catch char class const continue default do double else enum extends false final finally float for if implements import in instanceof int interface is lateinit long native new null object open override package private protected public record return sealed short static super suspend switch this throw throws true try typealias val var void volatile when where while fun data companion using namespace string var readonly get set async await foreach out ref")
const SHELL = words("if then else elif fi for while until do done case esac in function return exit export local readonly set unset shift source echo cd sudo")
const SQL = words("select from where and or not insert into values update set delete create table index view drop alter add primary key foreign references join left right inner outer full on as group by order having limit offset union all distinct case when then else end null is in like between exists count sum avg min max default unique with returning begin commit rollback int integer text varchar boolean date timestamp")
const RUBY = words("alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield require attr_accessor puts")
const JSON_WORDS = words("true false null yes no on off")

const slashes = "\\/\\/[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)"
const hash = "#[^\\n]*"
const dashes = "--[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)"
const quotes = "\"(?:[^\"\\\\\\n]|\\\\[^])*\"?|'(?:[^'\\\\\\n]|\\\\[^])*'?"
const ticks = "`(?:[^`\\\\]|\\\\[^])*`?"
const triple = "\"\"\"[^]*?(?:\"\"\"|$)|'''[^]*?(?:'''|$)"
const number = "\\b(?:0[xX][\\da-fA-F_]+|0[bB][01_]+|\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?)"
const name = "[@$]?[\\p{L}_][\\p{L}\\p{N}_]*"

const make = (comment, string, keywords, insensitive = false) => ({ comment, string, keywords, insensitive })
const languages = {
  c: make(slashes, quotes, C), js: make(slashes, `${quotes}|${ticks}`, JS), python: make(hash, `${triple}|${quotes}`, PYTHON),
  swift: make(slashes, `${triple}|"(?:[^"\\\\\\n]|\\\\[^])*"?`, SWIFT), rust: make(slashes, "\"(?:[^\"\\\\]|\\\\[^])*\"?|'(?:[^'\\\\\\n]|\\\\.)'", RUST),
  go: make(slashes, `${quotes}|${ticks}`, GO), java: make(slashes, `${triple}|${quotes}`, JAVA), shell: make(hash, quotes, SHELL),
  sql: make(dashes, quotes, SQL, true), ruby: make(hash, quotes, RUBY), json: make(slashes, quotes, JSON_WORDS), yaml: make(hash, quotes, JSON_WORDS),
  css: make("\\/\\*[^]*?(?:\\*\\/|$)", quotes, words("important media supports import from to auto none inherit initial")),
  html: make("<!--[^]*?(?:-->|$)", quotes, new Set()),
}
const others = {
  "c++": "c", cpp: "c", h: "c", hpp: "c", cc: "c", objc: "c", cuda: "c", metal: "c", glsl: "c", zig: "c", javascript: "js", jsx: "js", ts: "js", tsx: "js", typescript: "js", mjs: "js",
  py: "python", python3: "python", rs: "rust", golang: "go", kotlin: "java", kt: "java", "c#": "java", cs: "java", csharp: "java", scala: "java", dart: "java", php: "java",
  sh: "shell", bash: "shell", zsh: "shell", console: "shell", fish: "shell", dockerfile: "shell", makefile: "shell", rb: "ruby", jsonc: "json", json5: "json", yml: "yaml", toml: "yaml",
  ini: "yaml", xml: "html", svg: "html", vue: "html", scss: "css", less: "css", sqlite: "sql", postgresql: "sql", mysql: "sql",
}
const patterns = new Map()

/** Returns a fragment with spans of the classes k, s, n, c, f and t. */
export function highlight(source, language) {
  const fragment = document.createDocumentFragment()
  const kind = languages[language] ? language : others[language]
  if (!kind) { fragment.append(source); return fragment }
  const rules = languages[kind]
  if (!patterns.has(kind)) patterns.set(kind, new RegExp(`(?<c>${rules.comment})|(?<s>${rules.string})|(?<n>${number})|(?<w>${name})`, "gu"))
  let at = 0
  for (const match of source.matchAll(patterns.get(kind))) {
    const { c, s, n } = match.groups
    const [text] = match
    const type = c !== undefined ? "c" : s !== undefined ? stringType(kind, source, match) : n !== undefined ? "n" : wordType(rules, kind, source, match)
    if (type === null || text === "") continue
    if (match.index > at) fragment.append(source.slice(at, match.index))
    fragment.append(el(`span.${type}`, {}, text))
    at = match.index + text.length
  }
  fragment.append(source.slice(at))
  return fragment
}

const stringType = (kind, source, match) => kind === "json" && /^\s{0,8}:/.test(source.slice(match.index + match[0].length, match.index + match[0].length + 9)) ? "f" : "s"

function wordType(rules, kind, source, match) {
  const [text] = match
  const after = source[match.index + text.length], before = source[match.index - 1]
  if (kind === "html") return before === "<" || before === "/" ? "k" : after === "=" ? "f" : null
  if (kind === "yaml" && after === ":") return "f"
  if (rules.keywords.has(rules.insensitive ? text.toLowerCase() : text)) return "k"
  if (text[0] === "@") return "t"
  if (kind === "shell" && text[0] === "$") return "t"
  if (after === "(") return "f"
  return /^\p{Lu}/u.test(text) && /\p{Ll}/u.test(text) && kind !== "shell" && kind !== "css" ? "t" : null
}
