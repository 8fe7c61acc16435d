import { api } from "../api.js"
import { copyButton } from "../copy.js"
import { el } from "../dom.js"

const limits = [
  ["requests_per_minute", "Requests per minute"], ["tokens_per_minute", "Tokens per minute"], ["tokens_per_day", "Tokens per day"],
  ["concurrency", "Requests at once"], ["max_output_tokens", "Tokens per answer"],
]

/** Asks for a new key's properties and creates it. Returns a promise of the key with its text; undefined if the person cancels. */
export async function createKey(app, modelNames) {
  const name = el("input", { type: "text", required: true, maxlength: "64", autofocus: true, autocomplete: "off", spellcheck: "false" })
  const role = el("select", {}, el("option", { value: "user" }, "User: uses models and its own objects"), el("option", { value: "admin" }, "Admin: also manages models and keys"))
  const patterns = el("input", { type: "text", placeholder: "All models", autocomplete: "off", spellcheck: "false", list: "key-models" })
  const fields = limits.map(([field, text]) => [field, el("input", { type: "number", min: "1", step: "1", inputmode: "numeric", placeholder: "no limit" }), text])
  const weight = el("input", { type: "number", min: "0.001", max: "1000", step: "any", placeholder: "1" })
  const expires = el("input", { type: "date", min: new Date(Date.now() + 86400000).toISOString().slice(0, 10) })
  const problem = el("p.small.problem", { role: "alert" })
  const places = { name, models: patterns, weight, expires_at: expires, ...Object.fromEntries(fields) }
  let made, work
  const run = () => work = create()
  const create = async () => {
    for (const place of Object.values(places)) place.removeAttribute("aria-invalid")
    problem.textContent = ""
    try {
      made = await api.json("v1/organization/admin_api_keys", { body: request(name, role, patterns, fields, weight, expires) })
    } catch (error) {
      problem.textContent = error.message
      const place = places[String(error.param ?? "").replace(/^limits\./, "").replace(/\[.*$/, "")]
      place?.setAttribute("aria-invalid", "true")
      if (place?.closest("details")) place.closest("details").open = true
      place?.focus()
      return false
    }
  }
  const field = (text, input, hint) => el("label.field", {}, el("span", {}, text), input, hint && el("small", {}, hint))
  await app.dialog({
    title: "Create a key", body: [
      field("Name", name, "The person or program that uses the key. The log and the usage have this name."),
      field("Role", role),
      field("Models", patterns, "Names, separated by commas. * stands for any text: SmolLM2-*"),
      el("datalist#key-models", {}, modelNames.map(each => el("option", { value: each }))),
      el("details.more", {}, el("summary", {}, "Limits, share and end"),
        el("div.fields", {}, fields.map(([, input, text]) => field(text, input)),
          field("Weight", weight, "Its share of a busy server, relative to other keys"), field("Valid until", expires, "The beginning of this day in UTC"))),
      problem,
    ],
    actions: [{ text: "Cancel" }, { text: "Create", kind: "primary", submit: true, run }],
  }).result
  // The person can close the dialog while the server makes the key, whose text nobody could see later.
  await work
  return made
}

function request(name, role, patterns, fields, weight, expires) {
  const body = { name: name.value.trim(), role: role.value }
  const models = patterns.value.split(",").map(each => each.trim()).filter(Boolean)
  if (models.length > 0) body.models = models
  for (const [field, input] of fields) if (input.value !== "") body[field] = Number(input.value)
  if (weight.value !== "") body.weight = Number(weight.value)
  if (expires.value !== "") body.expires_at = Math.floor(Date.parse(`${expires.value}T00:00:00Z`) / 1000)
  return body
}

/** Shows the text of a key, which nobody can see again. */
export function showKey(app, made, title) {
  return app.dialog({
    title, shownOnce: true, body: [
      el("p", {}, "Copy the key now. The server keeps only a hash of it, so it cannot show the key again."),
      el("div.secret", {}, el("code", { dir: "ltr", tabindex: "0" }, made.value), copyButton(made.value, "Copy the key")),
    ],
    actions: [{ text: "Done", kind: "primary" }],
  }).result
}

/** Returns the limits of a key in words. */
export function limitWords(key) {
  const own = key.shimmy ?? {}
  return limits.map(([field, text]) => own.limits?.[field] > 0 && `at most ${new Intl.NumberFormat(navigator.language).format(own.limits[field])} ${text.toLowerCase()}`).filter(Boolean)
}
