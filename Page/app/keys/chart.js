// A chart of stacked bars, one for each day. Screen readers get the table beside it; the keyboard moves from day to day.
import { el, svg } from "../dom.js"
import { compact } from "../format.js"

const HEIGHT = 220, TOP = 12, BOTTOM = 26, START = 46, END = 12
export const SERIES = 7

/** Returns round marks from 0 to at least `most`. */
export function marks(most) {
  if (!(most > 0)) return [0, 1]
  const size = 10 ** Math.floor(Math.log10(most / 4))
  const step = [1, 2, 2.5, 5, 10].map(each => each * size).find(each => each * 4 >= most)
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step)
}

/**
 * Returns a figure. `days` are { label, short, values } with a value for each of `series` ({ name }); `show` writes a value.
 */
export function stackedBars({ title, days, series, show, width }) {
  const most = Math.max(0, ...days.map(day => day.values.reduce((sum, value) => sum + value, 0)))
  const lines = marks(most)
  const top = lines.at(-1)
  const inner = HEIGHT - TOP - BOTTOM
  const step = (width - START - END) / days.length
  const y = value => TOP + inner - value / top * inner
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", tabindex: "0", class: "bars" })
  drawing.setAttribute("aria-label", `${title}, ${days.length} days, ${days[0].label} to ${days.at(-1).label}. The table below has the numbers. Arrow keys move from day to day.`)
  for (const value of lines) {
    drawing.append(svg("line", { x1: START, x2: width - END, y1: y(value), y2: y(value), class: value === 0 ? "base" : "line" }),
      label({ x: START - 8, y: y(value) + 4, "text-anchor": "end" }, value < 10 && value % 1 ? String(value) : compact(value)))
  }
  const every = Math.max(1, Math.ceil(64 / step))
  const columns = days.map((day, index) => column(day, index, { step, y, inner, every, last: days.length - 1 }))
  drawing.append(...columns)
  const told = el("p.told.small", { "aria-live": "polite" })
  const rest = () => { told.replaceChildren(el("span.muted", {}, "Point at a day, or use the arrow keys, for its numbers.")); mark(-1) }
  let at = -1
  const mark = index => { at = index; columns.forEach((each, place) => each.classList.toggle("at", place === index)) }
  const tell = index => {
    const day = days[index]
    const sum = day.values.reduce((total, value) => total + value, 0)
    const parts = day.values.map((value, place) => value > 0 && el("span", {}, el("i", { style: { "--hue": hue(place, series) } }), el("span", { dir: "auto" }, series[place].name), el("b.number", {}, show(value))))
    told.replaceChildren(el("b", {}, day.label), el("span.number", {}, sum === 0 ? "nothing" : show(sum)), ...parts.filter(Boolean))
    mark(index)
  }
  drawing.addEventListener("pointermove", event => {
    const box = drawing.getBoundingClientRect()
    const index = Math.floor(((event.clientX - box.left) / box.width * width - START) / step)
    if (index >= 0 && index < days.length && index !== at) tell(index)
  })
  drawing.addEventListener("pointerleave", rest)
  drawing.addEventListener("blur", rest)
  drawing.addEventListener("focus", () => { if (at < 0 && drawing.matches(":focus-visible")) tell(days.length - 1) })
  drawing.addEventListener("keydown", event => {
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: days.length - 1 }[event.key]
    if (next === undefined) return
    event.preventDefault()
    tell(Math.max(0, Math.min(days.length - 1, next)))
  })
  rest()
  return el("figure.chart", {}, el("figcaption.legend", {}, series.map((each, place) => el("span", {}, el("i", { style: { "--hue": hue(place, series) } }), el("span", { dir: "auto" }, each.name)))),
    el("div.plot", { dir: "ltr" }, drawing), told)
}

/** Returns the colour of a series; the last one, which sums up the others, is grey. */
export const hue = (index, series) => series[index]?.other ? "var(--edge)" : `var(--hue-${index % 8 + 1})`

function column(day, index, { step, y, inner, every, last }) {
  const x = START + index * step
  const gap = Math.min(6, step * 0.22)
  const group = svg("g", { class: "day" }, svg("rect", { x, y: TOP, width: step, height: inner, class: "ground" }))
  let below = 0
  for (const [place, value] of day.values.entries()) {
    if (!(value > 0)) continue
    const bar = svg("rect", { x: x + gap / 2, y: y(below + value), width: Math.max(1, Math.min(step - gap, 44)), height: Math.max(1, y(below) - y(below + value)), class: "bar", rx: Math.min(2, step / 6) })
    if (step - gap > 44) bar.setAttribute("x", x + step / 2 - 22)
    bar.style.fill = day.hues[place]
    group.append(bar)
    below += value
  }
  if ((last - index) % every === 0) group.append(label({ x: x + step / 2, y: HEIGHT - 8, "text-anchor": "middle" }, day.short))
  return group
}

function label(attributes, text) {
  const element = svg("text", attributes)
  element.textContent = text
  return element
}

/** Returns a table with a row for each day and a column for each series. */
export function dayTable({ title, days, series, show }) {
  return el("div.scroll", { tabindex: "0", role: "region", "aria-label": title }, el("table", {},
    el("caption.visually-hidden", {}, title),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Day"), series.map(each => el("th.number", { scope: "col", dir: "auto" }, each.name)), el("th.number", { scope: "col" }, "All"))),
    el("tbody", {}, days.toReversed().map(day => el("tr", {}, el("th", { scope: "row" }, day.label),
      day.values.map(value => el("td.number", {}, value > 0 ? show(value) : "–")),
      el("td.number", {}, show(day.values.reduce((sum, value) => sum + value, 0))))))))
}
