// A useful part of LaTeX as MathML. Unknown commands are shown as they are written.
const NS = "http://www.w3.org/1998/Math/MathML"
const MAX_LENGTH = 4000, MAX_DEPTH = 24

const node = (tag, attributes, ...children) => {
  const element = document.createElementNS(NS, tag)
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value)
  element.append(...children)
  return element
}
const pairs = text => Object.fromEntries(text.trim().split(/\s+/).map(each => each.split("=")))
const letters = pairs(`alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ pi=π varpi=ϖ
  rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=ϕ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω
  infty=∞ partial=∂ nabla=∇ hbar=ℏ ell=ℓ Re=ℜ Im=ℑ aleph=ℵ emptyset=∅ varnothing=∅ angle=∠ top=⊤ bot=⊥ prime=′ ldots=… dots=… cdots=⋯ vdots=⋮ ddots=⋱ imath=ı jmath=ȷ`)
const operators = pairs(`times=× div=÷ cdot=⋅ pm=± mp=∓ ast=∗ star=⋆ circ=∘ bullet=∙ oplus=⊕ otimes=⊗ leq=≤ le=≤ geq=≥ ge=≥ neq=≠ ne=≠ approx=≈ equiv=≡ sim=∼ simeq=≃ cong=≅
  propto=∝ ll=≪ gg=≫ in=∈ notin=∉ ni=∋ subset=⊂ supset=⊃ subseteq=⊆ supseteq=⊇ cup=∪ cap=∩ setminus=∖ forall=∀ exists=∃ nexists=∄ neg=¬ lnot=¬ land=∧ wedge=∧ lor=∨ vee=∨
  to=→ rightarrow=→ leftarrow=← gets=← leftrightarrow=↔ Rightarrow=⇒ Leftarrow=⇐ Leftrightarrow=⇔ iff=⟺ implies=⟹ mapsto=↦ longrightarrow=⟶ uparrow=↑ downarrow=↓ mid=∣ parallel=∥
  perp=⊥ therefore=∴ because=∵ langle=⟨ rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ lvert=| rvert=| lVert=‖ rVert=‖ vert=| Vert=‖ colon=: models=⊨ vdash=⊢ square=□ blacksquare=■`)
const large = pairs("sum=∑ prod=∏ coprod=∐ int=∫ iint=∬ iiint=∭ oint=∮ bigcup=⋃ bigcap=⋂ bigoplus=⨁ bigotimes=⨂")
const names = new Set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp lim limsup liminf max min sup inf det dim ker gcd arg argmax argmin deg hom Pr mod".split(" "))
const limits = new Set("lim limsup liminf max min sup inf det gcd Pr argmax argmin".split(" "))
const accents = pairs("hat=^ widehat=^ bar=¯ overline=¯ tilde=~ widetilde=~ vec=→ dot=˙ ddot=¨ overrightarrow=→ check=ˇ")
const variants = pairs("mathbf=bold boldsymbol=bold-italic bm=bold-italic mathrm=normal mathit=italic mathbb=double-struck mathcal=script mathscr=script mathfrak=fraktur mathsf=sans-serif mathtt=monospace")
const spaces = { ",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.25em", quad: "1em", qquad: "2em", "!": "-0.17em", enspace: "0.5em", thinspace: "0.17em" }
const fences = { matrix: ["", ""], pmatrix: ["(", ")"], bmatrix: ["[", "]"], Bmatrix: ["{", "}"], vmatrix: ["|", "|"], Vmatrix: ["‖", "‖"], cases: ["{", ""], array: ["", ""] }

/** Returns a `math` element, or the source as code if it is too long. */
export function maths(source, display = false) {
  if (source.length > MAX_LENGTH) {
    const code = document.createElement("code")
    code.textContent = source
    return code
  }
  const body = new Parser(source).all()
  const math = node("math", { display: display ? "block" : "inline", dir: "ltr" }, node("semantics", {}, body, annotation(source)))
  math.setAttribute("aria-label", source)
  return math
}

const annotation = source => node("annotation", { encoding: "application/x-tex" }, source)

class Parser {
  constructor(source) {
    this.tokens = source.match(/\\(?:[a-zA-Z]+\*?|[^])|\d+(?:[.,]\d+)*|\s+|[^]/gu) ?? []
    this.at = 0
    this.depth = 0
  }

  all() {
    const row = node("mrow")
    while (this.at < this.tokens.length) row.append(this.row(() => false), ...(this.at < this.tokens.length ? [symbol(this.tokens[this.at++])] : []))
    return row
  }

  skip() { while (/^\s/.test(this.tokens[this.at] ?? "")) this.at += 1 }

  /** Reads atoms until a token for which `stop` is true. The token stays. */
  row(stop) {
    const row = node("mrow")
    this.depth += 1
    for (this.skip(); this.at < this.tokens.length && !stop(this.tokens[this.at]); this.skip()) {
      const token = this.tokens[this.at]
      if (token === "}" || token === "&" || token === "\\\\" || token === "\\end" || token === "\\right") break
      row.append(this.scripts(this.atom()))
      if (names.has(token.slice(1)) && /^(?:\\[a-zA-Z]|\p{L}|\d)/u.test(this.tokens[this.at] ?? "")) row.append(node("mspace", { width: "0.17em" }))
    }
    this.depth -= 1
    return row
  }

  scripts(base) {
    let under = null, over = null
    for (this.skip(); this.tokens[this.at] === "_" || this.tokens[this.at] === "^" || this.tokens[this.at] === "'"; this.skip()) {
      const token = this.tokens[this.at++]
      if (token === "_") under = this.argument()
      else if (token === "^") over = this.argument()
      else over = node("mrow", {}, ...(over ? [over] : []), node("mo", {}, "′"))
    }
    if (!under && !over) return base
    const kind = base.limits ? ["munder", "mover", "munderover"] : ["msub", "msup", "msubsup"]
    return under && over ? node(kind[2], {}, base, under, over) : under ? node(kind[0], {}, base, under) : node(kind[1], {}, base, over)
  }

  argument() {
    this.skip()
    return this.at < this.tokens.length ? this.atom(true) : node("mrow")
  }

  atom(single = false) {
    const token = this.tokens[this.at++]
    if (this.depth > MAX_DEPTH) return node("mtext", {}, token)
    if (token === "{") {
      const row = this.row(each => each === "}")
      if (this.tokens[this.at] === "}") this.at += 1
      return row
    }
    if (token.startsWith("\\") && token.length > 1) { this.depth += 1; try { return this.command(token.slice(1)) } finally { this.depth -= 1 } }
    if (single && /^\d/.test(token) && token.length > 1) {
      this.tokens[--this.at] = token.slice(1)
      return node("mn", {}, token[0])
    }
    return symbol(token)
  }

  command(name) {
    if (letters[name]) return node("mi", {}, letters[name])
    if (operators[name]) return node("mo", {}, operators[name])
    if (large[name]) return Object.assign(node("mo", { largeop: "true", movablelimits: "true" }, large[name]), { limits: !name.includes("int") })
    if (names.has(name)) return Object.assign(node("mi", { mathvariant: "normal" }, name), { limits: limits.has(name) })
    if (spaces[name]) return node("mspace", { width: spaces[name] })
    if (accents[name]) return node("mover", { accent: "true" }, this.argument(), node("mo", { stretchy: String(/over|wide/.test(name)) }, accents[name]))
    if (variants[name]) return styled(this.argument(), variants[name])
    switch (name) {
    case "frac": case "dfrac": case "tfrac": case "cfrac": return node("mfrac", {}, this.argument(), this.argument())
    case "binom": return node("mrow", {}, node("mo", {}, "("), node("mfrac", { linethickness: "0" }, this.argument(), this.argument()), node("mo", {}, ")"))
    case "sqrt": return this.root()
    case "text": case "textbf": case "textit": case "textrm": case "operatorname": case "operatorname*": case "mbox": return this.words(name)
    case "left": return this.fenced()
    case "big": case "Big": case "bigg": case "Bigg": case "bigl": case "bigr": case "Bigl": case "Bigr": case "middle": return symbol(this.delimiter())
    case "begin": return this.environment()
    case "underline": return node("munder", {}, this.argument(), node("mo", { stretchy: "true" }, "_"))
    case "underbrace": return Object.assign(node("munder", {}, this.argument(), node("mo", { stretchy: "true" }, "⏟")), { limits: true })
    case "overbrace": return Object.assign(node("mover", {}, this.argument(), node("mo", { stretchy: "true" }, "⏞")), { limits: true })
    case "overset": case "stackrel": { const over = this.argument(); return node("mover", {}, this.argument(), over) }
    case "underset": { const under = this.argument(); return node("munder", {}, this.argument(), under) }
    case "boxed": return node("mrow", { class: "boxed" }, this.argument())
    case "pmod": return node("mrow", {}, node("mo", {}, "("), node("mi", { mathvariant: "normal" }, "mod"), node("mspace", { width: "0.3em" }), this.argument(), node("mo", {}, ")"))
    case "bmod": return node("mo", {}, "mod")
    case "displaystyle": case "textstyle": case "limits": case "nolimits": case "nonumber": return node("mrow")
    case "{": case "}": case "|": case "%": case "#": case "&": case "_": case "$": return node("mo", {}, name === "|" ? "‖" : name)
    default: return node("mtext", {}, `\\${name}`)
    }
  }

  root() {
    this.skip()
    if (this.tokens[this.at] !== "[") return node("msqrt", {}, this.argument())
    this.at += 1
    const degree = this.row(each => each === "]")
    if (this.tokens[this.at] === "]") this.at += 1
    return node("mroot", {}, this.argument(), degree)
  }

  /** Returns the text of a group as it is written. */
  raw() {
    this.skip()
    if (this.tokens[this.at] !== "{") return this.tokens[this.at++] ?? ""
    let text = "", open = 0
    for (; this.at < this.tokens.length; this.at += 1) {
      const token = this.tokens[this.at]
      if (token === "{" && ++open === 1) continue
      if (token === "}" && --open === 0) { this.at += 1; break }
      text += token
    }
    return text
  }

  words(name) {
    const text = this.raw()
    if (name.startsWith("operatorname")) return Object.assign(node("mi", { mathvariant: "normal" }, text), { limits: name.endsWith("*") })
    return node("mtext", {}, text.replace(/^ | $/g, "\u00a0").replace(/\\(.)/g, "$1"))
  }

  delimiter() {
    this.skip()
    const token = this.tokens[this.at++] ?? "."
    return token === "." ? "" : operators[token.slice(1)] ?? (token === "\\|" ? "‖" : token.replace(/^\\(?=[{}])/, ""))
  }

  fenced() {
    const open = this.delimiter()
    const body = this.row(each => each === "\\right")
    let close = ""
    if (this.tokens[this.at] === "\\right") { this.at += 1; close = this.delimiter() }
    return node("mrow", {}, fence(open), body, fence(close))
  }

  environment() {
    const name = this.raw().replace("*", "")
    if (name === "array") this.raw()
    const table = node("mtable", fences[name] ? {} : { columnalign: "right left", displaystyle: "true" })
    if (name === "cases") table.setAttribute("columnalign", "left left")
    let row = node("mtr")
    while (this.at < this.tokens.length) {
      row.append(node("mtd", {}, this.row(() => false)))
      const token = this.tokens[this.at++]
      if (token === "&") continue
      table.append(row)
      row = node("mtr")
      if (token === "\\end") { this.raw(); break }
      if (token !== "\\\\") continue
    }
    const [open, close] = fences[name] ?? ["", ""]
    return node("mrow", {}, fence(open), table, fence(close))
  }
}

const fence = text => text === "" ? node("mrow") : node("mo", { fence: "true", stretchy: "true" }, text)

function symbol(token) {
  if (/^\d/.test(token)) return node("mn", {}, token)
  if (/^\p{L}/u.test(token)) return node("mi", {}, token)
  return node("mo", /^[()[\]|]$/.test(token) ? { stretchy: "false" } : {}, token === "-" ? "−" : token === "*" ? "∗" : token === "~" ? "\u00a0" : token)
}

const starts = { bold: [0x1d400, 0x1d41a], "double-struck": [0x1d538, 0x1d552], script: [0x1d49c, 0x1d4b6], fraktur: [0x1d504, 0x1d51e], "sans-serif": [0x1d5a0, 0x1d5ba], monospace: [0x1d670, 0x1d68a], "bold-italic": [0x1d468, 0x1d482] }
const holes = { "double-struck": "C=ℂ H=ℍ N=ℕ P=ℙ Q=ℚ R=ℝ Z=ℤ", script: "B=ℬ E=ℰ F=ℱ H=ℋ I=ℐ L=ℒ M=ℳ R=ℛ e=ℯ g=ℊ o=ℴ", fraktur: "C=ℭ H=ℌ I=ℑ R=ℜ Z=ℨ" }

/** Changes the letters of an element to another style: MathML Core has no `mathvariant` but `normal`. */
function styled(element, variant) {
  const special = pairs(holes[variant] ?? "x=x")
  const leaves = [element, ...element.querySelectorAll("mi, mn")].filter(each => each.localName === "mi" || each.localName === "mn")
  for (const leaf of leaves) {
    if (variant === "normal") leaf.setAttribute("mathvariant", "normal")
    const range = starts[variant]
    if (range) leaf.textContent = leaf.textContent.replace(/[A-Za-z]/g, letter => special[letter]
      ?? String.fromCodePoint(letter < "a" ? range[0] + letter.charCodeAt(0) - 65 : range[1] + letter.charCodeAt(0) - 97))
  }
  return element
}
