// The dialogs of a conversation: instructions, sampling, the form of the answer, tools.
import { el, fill } from "../dom.js"
import { icon } from "../icons.js"
import { dialog } from "../overlays.js"
import { example, parseTool } from "./tools.js"

const sampling = [
  ["temperature", "Temperature", 0, 2, 0.05, "How varied the answer is. 0 takes the most likely token."],
  ["top_p", "Top p", 0, 1, 0.01, "Keeps the most likely tokens up to this share."],
  ["top_k", "Top k", -1, 1000, 1, "Keeps this number of tokens. 0 or −1 keeps all."],
  ["min_p", "Min p", 0, 1, 0.01, "Drops tokens below this share of the most likely one."],
  ["repeat_penalty", "Repeat penalty", 0.01, 4, 0.01, "Above 1 makes repetition less likely."],
  ["presence_penalty", "Presence penalty", -2, 2, 0.1, ""],
  ["frequency_penalty", "Frequency penalty", -2, 2, 0.1, ""],
  ["seed", "Seed", 0, 9007199254740991, 1, "The same seed and settings repeat an answer."],
  ["max_output_tokens", "Max tokens", 1, 2147483647, 1, "The longest answer."],
]
const formats = [["", "Free text"], ["json", "Any JSON"], ["schema", "JSON schema"], ["grammar", "Grammar (GBNF)"], ["regex", "Regular expression"]]

/** Lets the person change settings and returns a promise of the new ones, or null. */
export async function editSettings(settings, model, capabilities) {
  const recommended = model?.shimmy?.sampling ?? {}
  const system = el("textarea", { rows: "4", dir: "auto", ".value": settings.system ?? "", placeholder: "Such as: You answer in short, plain sentences." })
  const inputs = new Map(sampling.map(([name]) => [name,
    el("input", { type: "number", step: "any", inputmode: "decimal", ".value": settings[name] ?? "", placeholder: recommended[name] === undefined ? "default" : `${recommended[name]} (recommended)`, "aria-describedby": `hint-${name}` })]))
  const effort = el("select", {}, [["", "Model's default"], ["none", "None"], ["low", "Low"], ["medium", "Medium"], ["high", "High"]].map(([value, text]) => el("option", { value }, text)))
  effort.value = settings.effort ?? ""
  const kind = el("select", { "aria-label": "Form", onchange: () => shown() }, formats.map(([value, text]) => el("option", { value }, text)))
  kind.value = settings.format ?? ""
  const rule = el("textarea.mono", { rows: "7", spellcheck: "false" })
  const error = el("p.problem", { role: "alert", hidden: true })
  const ruleField = el("label.field", {}, el("span"), rule)
  const rules = { schema: settings.schema ?? "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"answer\": { \"type\": \"string\" }\n  },\n  \"required\": [\"answer\"]\n}", grammar: settings.grammar ?? "root ::= \"yes\" | \"no\"", regex: settings.regex ?? "[0-9]+" }
  let last = null
  const shown = () => {
    if (last) rules[last] = rule.value
    last = kind.value in rules ? kind.value : null
    ruleField.hidden = last === null
    if (last) rule.value = rules[last]
    ruleField.firstChild.textContent = formats.find(([value]) => value === kind.value)[1]
    error.hidden = true
  }
  shown()
  const check = () => {
    if (last) rules[last] = rule.value
    const wrong = problem(kind.value, rules) ?? outside(inputs)
    error.textContent = wrong ?? ""
    error.hidden = wrong === null
    return wrong === null
  }
  const done = await dialog({
    title: "Chat settings", wide: true,
    body: [
      el("label.field", {}, el("span", {}, "System prompt"), system),
      el("fieldset.stack", {}, el("legend", {}, "Sampling"),
        el("div.sampling", {}, sampling.map(([name, label, , , , hint]) => el("div.field", {}, el("label.field", {}, el("span", {}, label), inputs.get(name)), hint && el("small", { id: `hint-${name}` }, hint)))),
        el("div.row", {}, el("button.small", { type: "button", onclick: () => inputs.forEach(input => { input.value = "" }) }, "Use the recommended values"))),
      capabilities.includes("thinking") && el("label.field", {}, el("span", {}, "Reasoning effort"), effort),
      el("fieldset.stack", {}, el("legend", {}, "Form of the answer"), kind, ruleField),
      error,
    ],
    actions: [{ text: "Cancel", value: false }, { text: "Save", kind: "primary", submit: true, value: true, run: check }],
  }).result
  if (done !== true) return null
  const result = { ...settings, system: system.value, effort: effort.value || undefined, format: kind.value || undefined, ...rules }
  for (const [name, input] of inputs) result[name] = input.value === "" ? undefined : Number(input.value)
  return result
}

function problem(kind, rules) {
  if (kind === "schema") {
    try {
      const value = JSON.parse(rules.schema)
      if (typeof value !== "object" || value === null || Array.isArray(value)) return "A JSON schema is an object."
    } catch (error) { return `The schema is not JSON: ${error.message}` }
  }
  return kind in rules && rules[kind].trim() === "" ? "The rule for the answer is empty." : null
}

function outside(inputs) {
  for (const [name, input] of inputs) {
    const [, label, min, max, step] = sampling.find(each => each[0] === name)
    if (input.value === "" && !input.validity.badInput) continue
    const value = Number(input.value)
    const fits = !input.validity.badInput && value >= min && value <= max && (step < 1 || Number.isInteger(value))
    input.setAttribute("aria-invalid", String(!fits))
    if (!fits) return `${label} is ${step < 1 ? "a number" : "an integer"} from ${min} to ${max}.`
  }
  return null
}

/** Lets the person define tools and returns a promise of them, or null. */
export async function editTools(tools, canCall) {
  let list = structuredClone(tools)
  const place = el("div.stack")
  const draw = () => fill(place, list.length === 0 && el("p.muted", {}, "No tools yet. The model can call a tool; you give its result by hand, or its JavaScript computes it."), list.map((tool, index) => card(tool, index)))
  const card = (tool, index) => {
    const on = el("input", { type: "checkbox", ".checked": tool.on !== false, onchange: () => { tool.on = on.checked } })
    return el("div.card.tool", {}, el("div.spread", {}, el("label.switch", {}, on, el("strong", { dir: "auto" }, tool.name)),
      el("span.row", {}, tool.code && el("span.chip.accent", {}, tool.auto ? "runs by itself" : "JavaScript"),
        el("button.quiet.icon.small", { type: "button", "aria-label": `Edit ${tool.name}`, onclick: () => edit(tool, index) }, icon("edit", 18)),
        el("button.quiet.icon.small", { type: "button", "aria-label": `Delete ${tool.name}`, onclick: () => { list.splice(index, 1); draw() } }, icon("trash", 18)))),
      el("p.muted.small", { dir: "auto" }, tool.description))
  }
  const edit = async (tool, index) => {
    const changed = await editTool(tool, list.filter((_, at) => at !== index).map(each => each.name))
    if (!changed) return
    index === null ? list.push(changed) : list[index] = changed
    draw()
  }
  draw()
  const done = await dialog({
    title: "Tools", wide: true,
    body: [!canCall && el("div.notice.warn", {}, icon("warning"), el("div", {}, "This model's template does not mention tools. It may ignore them.")), place,
      el("div.row", {}, el("button", { type: "button", onclick: () => edit(null, null) }, icon("plus", 18), "Add a tool"))],
    actions: [{ text: "Cancel", value: false }, { text: "Save", kind: "primary", value: true }],
  }).result
  return done === true ? list : null
}

async function editTool(tool, names) {
  const source = tool ? JSON.stringify({ name: tool.name, description: tool.description, parameters: tool.parameters }, null, 2) : example
  const definition = el("textarea.mono", { rows: "12", spellcheck: "false", ".value": source })
  const code = el("textarea.mono", { rows: "6", spellcheck: "false", ".value": tool?.code ?? (tool ? "" : "return args.a + args.b"), placeholder: "return args.a + args.b" })
  const auto = el("input", { type: "checkbox", ".checked": tool?.auto === true })
  const error = el("p.problem", { role: "alert", hidden: true })
  let result = null
  const check = () => {
    try {
      result = { ...parseTool(definition.value), code: code.value.trim() === "" ? "" : code.value, auto: auto.checked, on: tool?.on !== false }
      if (names.includes(result.name)) throw new Error(`There is another tool named ${result.name}.`)
    } catch (problem) {
      error.textContent = problem.message
      error.hidden = false
      return false
    }
  }
  const done = await dialog({
    title: tool ? `Edit ${tool.name}` : "Add a tool", wide: true,
    body: [
      el("label.field", {}, el("span", {}, "Definition (JSON)"), definition),
      el("label.field", {}, el("span", {}, "JavaScript (optional)"), code, el("small", {}, "The body of an async function. Its argument is args; its result goes to the model. It runs in a closed frame: no page, no key, no network.")),
      el("label.switch", {}, auto, el("span", {}, "Run it without asking")), error,
    ],
    actions: [{ text: "Cancel", value: false }, { text: tool ? "Save" : "Add", kind: "primary", submit: true, value: true, run: check }],
  }).result
  return done === true ? result : null
}
