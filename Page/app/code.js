import { copyButton } from "./copy.js"
import { el } from "./dom.js"
import { coloured } from "./later.js"

const MAX_COLOURED = 60_000

/** Returns a block of code with its language and a button that copies it. While it grows, it has no colours beyond a small size. */
export function codeBlock(source, language, growing = false) {
  const name = /^[\w+#.-]{1,24}$/.test(language) ? language : ""
  const colour = name !== "" && source.length <= (growing ? 6000 : MAX_COLOURED)
  return el("figure.code", {},
    el("figcaption", {}, el("span", {}, name || "text"), copyButton(() => source, "Copy the code")),
    el("pre", { tabindex: "0", dir: "ltr" }, colour ? coloured(source, name.toLowerCase()) : el("code", {}, source)))
}
