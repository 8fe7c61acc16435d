import { el } from "../dom.js"
import { bytes, compact, count } from "../format.js"
import { icon } from "../icons.js"
import { place } from "./state.js"

const stages = { loaded: ["good", "Loaded"], loading: ["accent", "Loading"], freeing: ["warn", "Being freed"] }
const abilities = { chat: "Chat", embedding: "Embeddings", embeddings: "Embeddings", rerank: "Rerank", reranking: "Rerank", moderation: "Moderation", infill: "Code completion", transcription: "Speech to text", speech: "Speech" }

/** Returns chips for the state and the abilities of a model. */
export function chips(model, stage, engine, progress) {
  const facts = model.shimmy ?? {}
  const state = stages[stage]
  const share = progress ?? (stage === "loading" ? engine?.progress : null)
  return [
    state && el(`span.chip.${state[0]}`, {}, state[1], typeof share === "number" && share > 0 && ` ${Math.round(share * 100)} %`),
    engine?.pinned && el("span.chip.accent", {}, icon("pin", 14), "Pinned"),
    facts.problem && el("span.chip.bad", {}, "Cannot be used"),
    (facts.capabilities ?? []).map(name => el("span.chip", {}, abilities[name] ?? String(name))),
    facts.quantization && el("span.chip", {}, facts.quantization),
  ]
}

/** Returns when an idle model is freed, in words; null for a model that is not in memory. */
export function until(engine) {
  if (engine?.state !== "loaded") return null
  if (engine.pinned) return "stays until it is unloaded"
  if (engine.users > 0) return `in use by ${engine.users === 1 ? "one request" : `${count(engine.users)} requests`}`
  if (typeof engine.expires_at !== "number") return "stays until the memory is needed"
  const minutes = Math.max(0, Math.round((engine.expires_at * 1000 - Date.now()) / 60000))
  return minutes < 1 ? "is freed within a minute" : `is freed in ${minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`}`
}

/** Returns the item of a model in the list. `act` has the functions address, load, unload, pin, more. */
export function row(model, { stage, engine, progress, admin, act }) {
  const facts = model.shimmy ?? {}
  const line = [
    facts.size_bytes > 0 && bytes(facts.size_bytes), facts.parameters > 0 && `${compact(facts.parameters)} parameters`,
    facts.context_length > 0 && `${count(facts.context_length)} tokens of context`, place(facts), until(engine),
  ].filter(Boolean)
  const more = el("button.quiet.icon", { type: "button", "aria-label": `More for ${model.id}`, "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => act.more(model, more) }, icon("more"))
  return el("li.model", { dataset: { model: model.id, stage } },
    el("div.model-text", {},
      el("h3", {}, el("a", { href: act.address(model), dir: "auto" }, model.id)),
      el("p.row.model-chips", {}, chips(model, stage, engine, progress)),
      el("p.small.muted", {}, line.join(" · ")),
      facts.problem && el("p.small.problem", { dir: "auto" }, facts.problem)),
    el("div.row.model-actions", {},
      admin && !facts.problem && facts.source !== "upstream" && (stage === "idle"
        ? el("button", { type: "button", "aria-label": `Load ${model.id}`, "aria-disabled": progress !== undefined ? "true" : null, onclick: () => act.load(model) }, progress !== undefined ? el("span.spinner") : icon("play", 16), "Load")
        : el("button", { type: "button", "aria-label": `Unload ${model.id}`, "aria-disabled": stage === "freeing" ? "true" : null, onclick: () => act.unload(model) }, icon("stop", 16), stage === "loading" ? "Stop" : "Unload")),
      admin && stage === "loaded" && facts.source !== "upstream" && el("button.quiet.icon", { type: "button", "aria-label": `Pin ${model.id}`, title: engine?.pinned ? "Pinned: stays even if other models need its memory" : "Keep it loaded even if other models need its memory",
        "aria-pressed": String(engine?.pinned === true), onclick: () => act.pin(model, engine?.pinned !== true) }, icon("pin")),
      more),
    stage === "loading" && el("div.meter", { style: { "--share": engine?.progress ?? progress ?? 0 } }))
}
