import { api } from "../api.js"
import { copyButton } from "../copy.js"
import { el } from "../dom.js"
import { language } from "../format.js"

const PATH = "v1/organization/admin_api_keys"
export const limits = [
  ["requests_per_minute", "Requests per minute"], ["tokens_per_minute", "Tokens per minute"], ["tokens_per_day", "Tokens per day"],
  ["concurrency", "Requests at once"], ["max_output_tokens", "Tokens per answer"],
]

/** Asks for a new key's properties and creates it. Returns a promise of the key with its text; undefined if the person cancels. */
export const createKey = (app, modelNames) => ask(app, modelNames, null)

/** Asks for other properties of a key and changes it. Returns a promise of the key; undefined if the person cancels. */
export const changeKey = (app, modelNames, key) => ask(app, modelNames, key)

async function ask(app, modelNames, key) {
  const own = key?.shimmy ?? {}
  const name = el("input", { type: "text", required: true, maxlength: "64", autofocus: true, autocomplete: "off", spellcheck: "false", ".value": key?.name ?? "" })
  const role = el("select", {}, el("option", { value: "user" }, "User: uses models and its own objects"), el("option", { value: "admin" }, "Admin: also manages models and keys"))
  role.value = own.role === "admin" ? "admin" : "user"
  const patterns = el("input", { type: "text", placeholder: "All models", autocomplete: "off", spellcheck: "false", list: "key-models", ".value": (own.models ?? []).join(", ") })
  const fields = limits.map(([field, text]) => [field, el("input", { type: "number", min: "1", step: "1", inputmode: "numeric", placeholder: "no limit", ".value": own.limits?.[field] ?? "" }), text])
  const weight = el("input", { type: "number", min: "0.001", max: "1000", step: "any", placeholder: "1", ".value": own.weight > 0 && own.weight !== 1 ? own.weight : "" })
  const end = own.expires_at > 0 ? new Date(own.expires_at * 1000).toISOString().slice(0, 10) : ""
  const expires = el("input", { type: "date", min: end || tomorrow(), ".value": end })
  const problem = el("p.small.problem", { role: "alert" })
  const places = { name, models: patterns, weight, expires_at: expires, ...Object.fromEntries(fields) }
  let made, work
  const run = () => work = send()
  const send = async () => {
    for (const place of Object.values(places)) place.removeAttribute("aria-invalid")
    problem.textContent = ""
    try {
      const body = request(name, role, patterns, fields, weight, expires, end)
      made = await api.json(key ? `${PATH}/${encodeURIComponent(key.id)}` : PATH, { body: key ? body : Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)) })
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
    title: key ? `Change the key of ${key.name}` : "Create a key", body: [
      key && el("p", {}, "The change applies to the next request with this key. Its text stays the same."),
      field("Name", name, "The person or program that uses the key. The log and the usage have this name."),
      field("Role", role),
      field("Models", patterns, "Names, separated by commas. * stands for any text: SmolLM2-*"),
      el("datalist#key-models", {}, modelNames.map(each => el("option", { value: each }))),
      el("details.more", { open: key !== null }, el("summary", {}, "Limits, share and end"),
        el("div.fields", {}, fields.map(([, input, text]) => field(text, input)),
          field("Weight", weight, "Its share of a busy server, relative to other keys"), field("Valid until", expires, "The beginning of this day in UTC"))),
      problem,
    ],
    actions: [{ text: "Cancel" }, { text: key ? "Change" : "Create", kind: "primary", submit: true, run }],
  }).result
  // The person can close the dialog while the server makes the key, whose text nobody could see later.
  await work
  return made
}

const tomorrow = () => new Date(Date.now() + 86400000).toISOString().slice(0, 10)

/** Returns the body of a request. A property that the form leaves open is null; an end that is the same as before is left out. */
function request(name, role, patterns, fields, weight, expires, end) {
  const models = patterns.value.split(",").map(each => each.trim()).filter(Boolean)
  const body = { name: name.value.trim(), role: role.value, models: models.length > 0 ? models : null, weight: weight.value === "" ? 1 : Number(weight.value) }
  for (const [field, input] of fields) body[field] = input.value === "" ? null : Number(input.value)
  if (expires.value !== end) body.expires_at = expires.value === "" ? null : Math.floor(Date.parse(`${expires.value}T00:00:00Z`) / 1000)
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
  return limits.map(([field, text]) => own.limits?.[field] > 0 && `at most ${new Intl.NumberFormat(language).format(own.limits[field])} ${text.toLowerCase()}`).filter(Boolean)
}
