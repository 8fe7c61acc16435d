import { el } from "../dom.js"
import { bytes } from "../format.js"

/** Returns a bar of parts with a legend. `parts` are [name, bytes]; `whole` is the length of the bar. */
export function memoryBar(parts, whole, label) {
  const used = parts.reduce((sum, [, size]) => sum + size, 0)
  const length = Math.max(whole, used, 1)
  return el("figure.memory-bar", {},
    el("div.segments", { role: "img", "aria-label": `${label}: ${parts.map(([name, size]) => `${name} ${bytes(size)}`).join(", ") || "nothing"}` },
      parts.map(([, size], index) => el("span", { style: { "--part": size / length, "--hue": `var(--hue-${index % 8 + 1})` } }))),
    parts.length > 0 && el("figcaption", {}, parts.map(([name, size], index) => el("span", {},
      el("i", { style: { "--hue": `var(--hue-${index % 8 + 1})` } }), el("span", { dir: "auto" }, name), el("b.number", {}, bytes(size))))))
}
