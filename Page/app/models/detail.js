import { codeBlock } from "../code.js"
import { copyButton } from "../copy.js"
import { el, fill } from "../dom.js"
import { bytes, compact, count, day } from "../format.js"
import { memoryBar } from "./bar.js"
import { chips, until } from "./row.js"
import { memoryParts, place } from "./state.js"

const fact = (name, ...value) => value.some(each => each !== null && each !== undefined && each !== false && each !== "") && [el("dt", {}, name), el("dd", { dir: "auto" }, value)]

/** Returns the content of the dialog about a model. */
export function detail(model, state, show) {
  const facts = model.shimmy ?? {}
  const engine = state.engineOf(model.id)
  const parts = memoryParts(model, engine)
  const budget = state.engine?.memory?.budget ?? 0
  const whole = parts.reduce((sum, [, size]) => sum + size, 0)
  const sampling = Object.entries(facts.sampling ?? {})
  const inside = el("div.stack", {}, el("p.small.muted", {}, "Loading the model's properties …"))
  show(model.id).then(answer => fill(inside, properties(answer)), error => fill(inside, el("p.small.muted", { dir: "auto" }, error.message)))
  return el("div.stack.model-detail", {},
    el("p.row", {}, chips(model, state.stage(model), engine), copyButton(model.id, "Copy the name")),
    facts.problem && el("p.notice.bad", { dir: "auto" }, facts.problem),
    el("dl.facts", {},
      fact("Place", place(facts)), fact("Path", facts.path), fact("File size", facts.size_bytes > 0 && bytes(facts.size_bytes)),
      fact("Quantization", facts.quantization), fact("Architecture", facts.architecture),
      fact("Parameters", facts.parameters > 0 && compact(facts.parameters)),
      fact("Context", facts.context_length > 0 && `${count(facts.context_length)} tokens`),
      fact("State", engine && until(engine)), fact("Changed", model.created > 0 && day(model.created)),
      fact("Also named", (facts.aliases ?? []).join(", ")), fact("Based on", facts.base),
      fact("Servers", Array.isArray(facts.upstreams) && facts.upstreams.map(each => typeof each === "string" ? each : each?.name ?? "").join(", ")),
      fact("Recommended", sampling.length > 0 && sampling.map(([name, value]) => `${name} ${value}`).join(", "))),
    parts.length > 0 && el("section.stack", {},
      el("h3", {}, engine ? "Memory in use" : "Memory plan"),
      memoryBar(parts, budget, engine ? "Memory in use" : "Memory plan"),
      el("p.small.muted", {}, budget > 0
        ? `${bytes(whole)} of the ${bytes(budget)} that all models together may use.`
        : `${bytes(whole)}.`, !engine && " The plan is an estimate for the context above; it is within 10 % of the memory after the load.")),
    inside)
}

function properties(answer) {
  const info = answer?.model_info ?? {}
  const license = typeof answer?.license === "string" ? answer.license : ""
  const trained = Object.entries(info).find(([name]) => name.endsWith(".context_length"))?.[1]
  return [
    el("dl.facts", {}, fact("Can", (answer?.capabilities ?? []).join(", ")), fact("License", license.length < 80 && license),
      fact("Trained context", typeof trained === "number" && `${count(trained)} tokens`), fact("Languages", Array.isArray(info["general.languages"]) && info["general.languages"].join(", "))),
    answer?.template && el("details", {}, el("summary", {}, "Chat template"), codeBlock(String(answer.template).slice(0, 50_000), "jinja")),
    license.length >= 80 && el("details", {}, el("summary", {}, "License"), codeBlock(license.slice(0, 50_000), "")),
  ]
}
