// Builds elements. Texts become text nodes, so nothing that a model or a server sends can become markup.

const SVG = "http://www.w3.org/2000/svg"

/** Returns an element. `name` is a tag with optional classes and an ID, such as "button.primary#send". */
export function el(name, properties = {}, ...children) {
  const [tag, ...marks] = name.split(/(?=[.#])/)
  const element = document.createElement(tag || "div")
  for (const mark of marks) mark[0] === "#" ? element.id = mark.slice(1) : element.classList.add(mark.slice(1))
  const { dir = null, ...others } = properties ?? {}
  for (const [key, value] of Object.entries(others)) set(element, key, value)
  append(element, children)
  // An element with dir="auto" looks for its direction again after each child that is added, so the attribute comes last.
  set(element, "dir", dir)
  return element
}

function set(element, key, value) {
  if (value === null || value === undefined || value === false && !key.startsWith(".")) return
  if (key.startsWith(".")) element[key.slice(1)] = value
  else if (key === "class") element.classList.add(...String(value).split(" ").filter(Boolean))
  else if (key === "dataset") Object.assign(element.dataset, value)
  else if (key === "style") for (const [name, text] of Object.entries(value)) setStyle(element, name, text)
  else if (key.startsWith("on") && typeof value === "function") element.addEventListener(key.slice(2), value)
  else element.setAttribute(key, value === true ? "" : String(value))
}

function setStyle(element, name, text) {
  if (name.startsWith("--")) element.style.setProperty(name, String(text))
  else element.style[name] = text
}

function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child)
    else if (child instanceof Node) element.appendChild(child)
    else if (child !== null && child !== undefined && child !== false) element.appendChild(document.createTextNode(String(child)))
  }
}

/** Replaces the children of `element` and returns it. */
export function fill(element, ...children) {
  element.replaceChildren()
  append(element, children)
  return element
}

/** Returns an SVG element with attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  element.append(...children)
  return element
}

export const text = value => document.createTextNode(String(value))

export const every = (selector, root = document) => [...root.querySelectorAll(selector)]

/** Returns a function that runs `action` once in the next frame, however often it is called before. A hidden page uses a timer instead of a frame. */
export function frame(action) {
  let waiting = false
  const run = () => { waiting = false; action() }
  return () => {
    if (waiting) return
    waiting = true
    document.hidden ? setTimeout(run, 100) : requestAnimationFrame(run)
  }
}
