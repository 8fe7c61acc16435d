// The dialog that lists the keyboard shortcuts and turns off those of a single key.
import { el } from "./dom.js"
import { dialog } from "./overlays.js"
import { settings } from "./storage.js"

export function showShortcuts(list, isSingle, mac, onclose) {
  const names = { ctrl: mac ? "⌘" : "Ctrl", alt: mac ? "⌥" : "Alt", shift: "Shift", escape: "Esc", enter: "Enter" }
  const rows = list.map(({ keys, text }) => el("div", { dataset: { single: String(isSingle(keys)) } }, el("dt", {}, keys.split("+").map(key => el("kbd", {}, names[key] ?? key.toUpperCase()))), el("dd", {}, text)))
  const singles = rows.filter(row => row.dataset.single === "true")
  const on = el("input", { type: "checkbox", ".checked": settings.get("single-keys", true), onchange: () => { settings.set("single-keys", on.checked ? null : false); show() } })
  const show = () => { for (const row of singles) row.hidden = !on.checked }
  show()
  dialog({
    title: "Keyboard shortcuts", onclose,
    body: [el("dl.shortcuts", {}, rows), el("label.switch", {}, on, el("span", {}, "Shortcuts of a single key")), el("p.muted.small", {}, "Turn them off if you dictate, or press keys by accident. The menu “More” opens this list, too.")],
  })
}
