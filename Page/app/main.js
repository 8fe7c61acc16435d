// Starts the page: navigation, routes, and the object that views get.
import { api, ApiError } from "./api.js"
import { el, fill } from "./dom.js"
import { icon } from "./icons.js"
import { key } from "./key.js"
import { closeDialogs, confirm, dialog, menu, toast } from "./overlays.js"
import { Shortcuts } from "./shortcuts.js"
import { settings } from "./storage.js"
import { models } from "./known-models.js"
import { views } from "./views.js"

const rail = document.getElementById("rail")
const root = document.getElementById("view")
const styles = new Map()
const shortcuts = new Shortcuts()
let current = null, lastChat = []

export const theme = {
  get choice() { return settings.get("theme-choice", "system") },
  set choice(value) {
    settings.set("theme-choice", value)
    try { value === "system" ? localStorage.removeItem("shimmy.theme") : localStorage.setItem("shimmy.theme", value) } catch { /* It lasts for the visit. */ }
    if (value === "system") delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = value
  },
}

const app = {
  api, key, models, theme, toast, dialog, confirm, menu,
  address: path => `#/${path}`,
  go(path, { replace = false } = {}) { replace ? location.replace(`#/${path}`) : location.assign(`#/${path}`) },
  title(text) { document.title = text ? `${text} · Shimmy` : "Shimmy" },
  style(name) {
    if (!styles.has(name)) {
      styles.set(name, new Promise((resolve, reject) => {
        const link = el("link", { rel: "stylesheet", href: new URL(`../style/${name}.css`, import.meta.url).href, onload: resolve, onerror: () => reject(new Error("A style sheet cannot be loaded.")) })
        document.head.append(link)
      }))
    }
    return styles.get(name)
  },
  header: (title, ...controls) => el("header.view-header", {}, el("h1", {}, title), el("div.row", {}, controls)),
  failure(error, again) {
    return el("div.notice.bad", { role: "alert" }, icon("warning"),
      el("div", {}, el("p", { dir: "auto" }, error.message || "Something went wrong."),
        error.requestId && el("p.small.muted", {}, "Request ", el("code", {}, error.requestId))),
      again && el("button.small", { type: "button", onclick: again }, "Try again"))
  },
}

function parts() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?")
  const [name, ...rest] = path.split("/").filter(Boolean).map(each => { try { return decodeURIComponent(each) } catch { return each } })
  if (!views.some(each => each.name === name)) return { name: "chat", rest: [], query: new URLSearchParams() }
  return { name, rest, query: new URLSearchParams(query ?? "") }
}

async function open() {
  const { hash } = location
  if (hash !== "" && !hash.startsWith("#/")) {
    // It is a place in this view, or an address without its slash.
    if (current !== null && document.getElementById(hash.slice(1))) return
    return location.replace(`#/${hash.slice(1)}`)
  }
  const { name, rest, query } = parts()
  if (current?.name === name && current.module?.route) {
    Object.assign(current.app, { path: rest, query })
    return current.module.route(rest, query)
  }
  close()
  const stop = new AbortController()
  current = { name, stop, module: null, app: own(stop.signal, rest, query) }
  const mine = current
  mark(name)
  const waiting = setTimeout(() => fill(root, el("div.empty", {}, el("span.spinner"), el("span.visually-hidden", {}, "Loading"))), 250)
  stop.signal.addEventListener("abort", () => clearTimeout(waiting))
  try {
    const module = await import(`./views/${name}.js`)
    if (current !== mine) return
    clearTimeout(waiting)
    mine.module = module
    fill(root)
    root.className = `view-${name}`
    await module.mount(root, mine.app)
  } catch (error) {
    if (current !== mine || error?.aborted) return
    clearTimeout(waiting)
    if (!(error instanceof ApiError)) console.error(error)
    const message = error instanceof ApiError ? error : new Error("This view cannot be loaded.")
    fill(root, el("section.page", {}, app.failure(message, again)))
  }
}

/** Returns the object of one view. Once the view is closed, it changes nothing on the page: its `mount` can still be waiting for a file. */
function own(signal, path, query) {
  const whenOpen = action => (...values) => { if (!signal.aborted) action(...values) }
  return Object.assign(Object.create(app), {
    path, query, signal, title: whenOpen(app.title), go: whenOpen(app.go), shortcut: whenOpen((keys, text, action) => shortcuts.add(keys, text, action, signal)),
    async style(name) {
      await app.style(name)
      if (signal.aborted) throw new ApiError("The view is closed.", { aborted: true })
    },
  })
}

/** Opens the view anew, for example with another key. */
function again() {
  close()
  open()
}

/** Returns the address that the navigation opens: for the chat, the conversation that was open last. */
function last(name) { return [name, ...name === "chat" ? current?.name === name ? current.app.path : lastChat : []].join("/") }

function close() {
  if (current === null) return
  if (current.name === "chat") lastChat = current.app.path
  current.stop.abort()
  closeDialogs()
  try { current.module?.unmount?.() } catch (error) { console.error(error) }
  current = null
}

function mark(name) {
  const view = views.find(each => each.name === name)
  app.title(view.title)
  for (const link of rail.querySelectorAll("a")) link.dataset.view === name ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")
}

function navigation() {
  const choices = [["system", "Theme of the system"], ["light", "Light theme"], ["dark", "Dark theme"]]
  const more = el("button.rail-button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => menu(more, [
    ...choices.map(([value, text]) => ({ text, checked: theme.choice === value, run: () => { theme.choice = value } })), "-",
    { text: "Keyboard shortcuts", icon: "keyboard", run: () => shortcuts.show() },
    { text: key.value ? "Change the key" : "Enter a key", icon: "key", run: async () => { if (await key.ask("Requests of this page carry this key.")) again() } },
    key.value && { text: "Forget the key", icon: "trash", run: () => { key.forget(); toast("This browser has forgotten the key."); again() } },
  ]) }, icon("more"), el("span", {}, "More"))
  fill(rail, el("a.brand", { href: "#/chat", "aria-label": "Shimmy", tabindex: "-1" }, sign()),
    el("ul", {}, views.map(view => el("li", {}, el("a.rail-button", { href: `#/${view.name}`, dataset: { view: view.name }, title: view.title, onclick: event => { event.currentTarget.href = `#/${last(view.name)}` } },
      icon(view.icon), el("span", {}, view.short ?? view.title))))),
    more)
}

/** Returns the sign of the program: a wave. */
function sign() {
  const drawing = icon("blank", 28)
  drawing.setAttribute("stroke-width", "2.2")
  drawing.firstChild.setAttribute("d", "M3 12.5c2.7-6.5 4.5-6.5 7-3s4.3 3.5 7-3")
  return drawing
}

navigation()
views.forEach((view, index) => shortcuts.add(`alt+${index + 1}`, `Open ${view.title}`, () => app.go(last(view.name))))
shortcuts.add("?", "Show the shortcuts", () => shortcuts.show())
addEventListener("hashchange", open)
document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); root.focus() })
open()
