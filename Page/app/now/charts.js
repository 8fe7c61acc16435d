// Charts on canvases. A chart draws when its data or its size changes, and never by itself.
import { el, frame } from "../dom.js"

const names = ["ink", "soft", "line", "edge", "raised", "sunken", "accent", "warn", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6", "hue-7", "hue-8"]

/** The colours of the theme in a form that a canvas reads. */
export class Palette {
  #probe = el("span", { hidden: true })
  colours = {}

  constructor(root, signal, changed) {
    root.append(this.#probe)
    const again = () => { this.read(); changed() }
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) matchMedia(query).addEventListener("change", again, { signal })
    const observer = new MutationObserver(again)
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] })
    signal.addEventListener("abort", () => observer.disconnect())
    this.read()
  }

  read() {
    for (const name of names) {
      this.#probe.style.color = `var(--${name})`
      this.colours[name] = getComputedStyle(this.#probe).color
    }
  }
}

export class Chart {
  #draw
  #palette
  element
  redraw = frame(() => this.#now())

  /** - draw: a function of the context, the size in CSS pixels and the colours. */
  constructor(palette, name, draw) {
    this.#palette = palette
    this.#draw = draw
    this.element = el(`canvas.chart.${name}`, { role: "img", "aria-label": "" })
    new ResizeObserver(this.redraw).observe(this.element)
  }

  label(text) { if (this.element.getAttribute("aria-label") !== text) this.element.setAttribute("aria-label", text) }

  #now() {
    const { clientWidth: width, clientHeight: height } = this.element
    if (width === 0 || height === 0 || !this.element.isConnected) return
    const scale = Math.min(3, devicePixelRatio || 1)
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)]
    if (this.element.width !== across || this.element.height !== down) Object.assign(this.element, { width: across, height: down })
    const context = this.element.getContext("2d")
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, width, height)
    this.#draw(context, width, height, this.#palette.colours)
  }
}

/** Draws a line with a pale area below it. */
export function line(context, width, height, values, colour, most = Math.max(...values, 0)) {
  if (values.length < 2 || most <= 0) {
    context.fillStyle = colour
    context.globalAlpha = 0.35
    context.fillRect(0, height - 1.5, width, 1.5)
    context.globalAlpha = 1
    return
  }
  const x = index => width - (values.length - 1 - index) * (width / 119)
  const y = value => height - 1.5 - Math.min(1, value / most) * (height - 4)
  context.beginPath()
  values.forEach((value, index) => context[index ? "lineTo" : "moveTo"](x(index), y(value)))
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.lineJoin = "round"
  context.stroke()
  context.lineTo(width, height)
  context.lineTo(x(0), height)
  context.globalAlpha = 0.12
  context.fillStyle = colour
  context.fill()
  context.globalAlpha = 1
}

/** Draws steps as bars: their height is their time, divided by the rows of answers and of prompts; the line is the target. */
export function steps(context, width, height, steps, target, colours) {
  const foot = 1
  const shown = steps.slice(-Math.max(8, Math.floor(width / 6)))
  const most = Math.max(...shown.map(step => step.seconds), target ? target * 1.25 : 0, 0.001)
  const y = value => (height - foot) * value / most
  shown.forEach((step, index) => {
    const x = width - (shown.length - index) * 6
    const rows = step.prefill + step.decode || 1
    let base = height - foot
    for (const [part, colour] of [[step.decode, colours["hue-1"]], [step.prefill, colours["hue-3"]]]) {
      const size = y(step.seconds) * part / rows
      if (size <= 0) continue
      context.fillStyle = colour
      context.fillRect(x, base - size, 4.5, Math.max(0.75, size))
      base -= size
    }
    if (base === height - foot) {
      context.fillStyle = colours.edge
      context.fillRect(x, base - Math.max(1, y(step.seconds)), 4.5, Math.max(1, y(step.seconds)))
    }
  })
  context.fillStyle = colours.line
  context.fillRect(0, height - foot, width, foot)
  if (!target) return
  context.strokeStyle = colours.edge
  context.setLineDash([4, 4])
  context.lineWidth = 1
  context.beginPath()
  const level = Math.round(height - foot - y(target)) + 0.5
  context.moveTo(0, level)
  context.lineTo(width, level)
  context.stroke()
  context.setLineDash([])
}

/** Returns the side of a square and the number of cells it stands for, so that all cells fit the area. */
export function squares(width, height, total) {
  for (const side of [14, 12, 10, 8, 7]) {
    const count = Math.floor((width + 2) / (side + 2)) * Math.floor((height + 2) / (side + 2))
    if (count >= Math.min(total, 600) || side === 7) return { side, across: Math.max(1, Math.floor((width + 2) / (side + 2))), count: Math.min(count, total), each: total / Math.min(count, total) }
  }
}

/**
 * Draws cells as squares. Prefixes that begin alike have the same hue: solid where sequences share the cells, lighter where one uses them, pale where they
 * are idle. Free cells have the colour of lines.
 */
export function cells(context, width, height, use, hue, colours) {
  if (!use.total) return
  const { side, across, count, each } = squares(width, height, use.total)
  let place = 0, end = use.groups[0]?.cells ?? 0
  for (let index = 0; index < count; index += 1) {
    const [x, y] = [index % across * (side + 2), Math.floor(index / across) * (side + 2)]
    // The middle of a square decides.
    const cell = (index + 0.5) * each
    while (place < use.groups.length && cell >= end) {
      place += 1
      end += use.groups[place]?.cells ?? 0
    }
    const group = use.groups[place]
    context.fillStyle = !group ? colours.line : group.root === null ? colours.edge : colours[`hue-${hue(group.root)}`]
    context.globalAlpha = !group ? 0.6 : group.running === 0 ? 0.3 : group.slots > 1 ? 1 : 0.6
    context.fillRect(x, y, side, side)
  }
  context.globalAlpha = 1
}
