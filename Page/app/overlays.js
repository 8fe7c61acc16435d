// Toasts, dialogs and menus. A dialog is a native modal dialog, so the browser keeps the focus inside and closes it with Escape.
import { el, every } from "./dom.js"
import { icon } from "./icons.js"

/** Shows a short message. Screen readers read it; it stays while the pointer or the focus is on it. */
export function toast(message, { kind = "note", action = null, seconds = action ? 8 : 5 } = {}) {
  const box = document.getElementById("toasts")
  const close = () => note.remove()
  const note = el(`div.toast.${kind}`, {}, el("span", { dir: "auto" }, message),
    action && el("button.quiet.small", { type: "button", onclick: () => { close(); action.run() } }, action.text),
    el("button.quiet.icon.small", { type: "button", "aria-label": "Dismiss", onclick: close }, icon("cross", 16)))
  while (box.children.length >= 4) box.firstChild.remove()
  box.append(note)
  const wait = () => setTimeout(() => note.matches(":hover, :focus-within") ? wait() : close(), seconds * 1000)
  wait()
  return { close }
}

let count = 0

/**
 * Opens a dialog. `result` is a promise of the value of the button that closed it, or undefined after Escape. A click beside the dialog closes it, unless
 * something that was entered, or that is `shownOnce`, would be lost.
 */
export function dialog({ title, body, actions = [{ text: "Close", kind: "primary" }], wide = false, shownOnce = false, onclose = null }) {
  const id = `dialog-${++count}`
  let finish
  const result = new Promise(resolve => { finish = resolve })
  let outcome
  const close = value => { outcome = value; element.close() }
  let busy = false
  // A second click or Enter while an action runs must not run it twice.
  const act = async action => {
    if (busy) return
    busy = true
    try { if (await action.run?.() !== false) close(action.value) } finally { busy = false }
  }
  const buttons = actions.map(action => el(`button${action.kind ? `.${action.kind}` : ""}`, {
    type: action.submit ? "submit" : "button", onclick: action.submit ? null : () => act(action),
  }, action.text))
  const submit = event => {
    event.preventDefault()
    const action = actions.find(each => each.submit)
    if (action) act(action)
  }
  // It lies beside the view in the document, and the styles of the view apply to it by this class.
  const element = el(`dialog${wide ? ".wide" : ""}`, { "aria-labelledby": id, class: document.getElementById("view").className },
    el("form.dialog", { method: "dialog", onsubmit: submit },
      el("header.spread", {}, el("h2", { id }, title),
        el("button.quiet.icon", { type: "button", "aria-label": "Close", onclick: () => close() }, icon("cross"))),
      el("div.dialog-body", {}, body),
      buttons.length > 0 && el("footer.row", {}, buttons)))
  if (!shownOnce) element.addEventListener("mousedown", event => { if (event.target === element && !element.querySelector("input, textarea, select")) close() })
  element.addEventListener("close", () => { element.remove(); finish(outcome); onclose?.(outcome) })
  document.body.append(element)
  element.showModal()
  element.querySelector("[autofocus]")?.focus()
  return { element, close, result }
}

/** Closes all dialogs, the topmost first. */
export function closeDialogs() { for (const each of every("dialog[open]").reverse()) each.close() }

/** Returns a promise of whether the person agreed. */
export async function confirm({ title, text, action = "Continue", danger = false }) {
  return await dialog({
    title, body: el("p", {}, text),
    actions: [{ text: "Cancel", value: false }, { text: action, kind: danger ? "danger" : "primary", value: true }],
  }).result === true
}

let openMenu = null

/** Opens a menu below a button, or closes it if it is open. Arrow keys move, Escape and Tab close, letters find. */
export function menu(button, items) {
  const again = openMenu?.button === button
  openMenu?.close(false)
  if (again) return
  const entries = items.filter(Boolean).map(item => item === "-" ? el("hr") : el(`button.menu-item${item.danger ? ".danger" : ""}`, {
    type: "button", role: item.checked === undefined ? "menuitem" : "menuitemradio", tabindex: "-1", disabled: item.disabled,
    "aria-checked": item.checked === undefined ? null : String(item.checked),
    onclick: () => { close(true); item.run() },
  }, icon(item.checked ? "check" : item.icon ?? "blank", 18), el("span", { dir: "auto" }, item.text, item.hint && el("small", {}, item.hint))))
  const list = el("div.menu", { role: "menu", popover: "manual" }, entries)
  const close = focus => {
    if (openMenu?.list !== list) return
    openMenu = null
    list.remove()
    button.setAttribute("aria-expanded", "false")
    removeEventListener("pointerdown", outside, true)
    removeEventListener("resize", leave)
    if (focus) button.focus()
  }
  const leave = () => close(false)
  const outside = event => { if (!list.contains(event.target) && !button.contains(event.target)) close(false) }
  list.addEventListener("keydown", event => move(event, list, close))
  list.addEventListener("focusout", event => { if (event.relatedTarget && !list.contains(event.relatedTarget)) close(false) })
  const host = button.closest("dialog, main, nav") ?? document.body
  host.append(list)
  list.showPopover?.()
  place(list, button)
  button.setAttribute("aria-haspopup", "menu")
  button.setAttribute("aria-expanded", "true")
  openMenu = { button, list, close }
  addEventListener("pointerdown", outside, true)
  addEventListener("resize", leave)
  ;(list.querySelector("[aria-checked=true]") ?? list.querySelector("button:not(:disabled)"))?.focus()
}

function move(event, list, close) {
  const buttons = every("button:not(:disabled)", list)
  const at = buttons.indexOf(document.activeElement)
  const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }
  if (event.key in steps) {
    event.preventDefault()
    buttons.at(steps[event.key] % buttons.length)?.focus()
  } else if (event.key === "Escape" || event.key === "Tab") {
    if (event.key === "Escape") event.preventDefault()
    event.stopPropagation()
    close(true)
  } else if (event.key.length === 1 && /\S/.test(event.key)) {
    const found = [...buttons.slice(at + 1), ...buttons].find(each => each.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))
    found?.focus()
  }
}

function place(list, button) {
  const from = button.getBoundingClientRect()
  const size = list.getBoundingClientRect()
  const ends = from.left + from.width / 2 > innerWidth / 2
  const left = Math.max(8, Math.min(ends ? from.right - size.width : from.left, innerWidth - size.width - 8))
  const below = from.bottom + 6 + size.height <= innerHeight - 8 || from.top < size.height + 12
  list.style.left = `${left}px`
  list.style.top = `${Math.max(8, below ? Math.min(from.bottom + 6, innerHeight - size.height - 8) : from.top - size.height - 6)}px`
}
