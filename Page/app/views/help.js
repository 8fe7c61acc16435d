// Help: how to connect clients, the compatibility matrix, and the API of the server.
import { el, fill } from "../dom.js"

const pages = {
  connect: ["Connect", async () => (await import("../help/connect.js")).connectPage],
  compatibility: ["Compatibility", async () => (await import("../help/matrix.js")).matrixPage],
  api: ["API", async () => (await import("../help/api-pages.js")).apiPage],
}

let view = null

export async function mount(root, app) {
  await Promise.all([app.style("help"), app.style("text")])
  const body = el("div.stack.help")
  const tabs = el("nav.tabs", { "aria-label": "Help" }, Object.entries(pages).map(([name, [title]]) => el("a", { href: app.address(`help/${name}`), dataset: { page: name } }, title)))
  fill(root, app.header("Help"), el("div.page.wide", {}, tabs, body))
  view = { root, app, tabs, body }
  await open()
}

export function unmount() { view = null }

export function route(path, query) {
  Object.assign(view.app, { path, query })
  const before = view.shown
  open().then(() => { if (view && before !== view.shown) view.root.scrollTo(0, 0) })
}

async function open() {
  const mine = view
  const { app, tabs, body } = mine
  const name = pages[app.path[0]] ? app.path[0] : "connect"
  const turn = mine.turn = {}
  for (const link of tabs.children) link.dataset.page === name ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")
  app.title(pages[name][0])
  const place = el("div.stack.part")
  try {
    const page = await pages[name][1]()
    await page(app, place)
  } catch (error) {
    if (error.aborted) return
    fill(place, app.failure(error, open))
  }
  if (mine.turn !== turn || view !== mine) return
  const kept = document.activeElement?.dataset?.client
  const same = mine.shown === name
  mine.shown = name + (name === "api" ? `/${app.path[1] ?? ""}` : "")
  fill(body, place)
  if (kept && same) body.querySelector(`[data-client="${CSS.escape(kept)}"]`)?.focus()
}
