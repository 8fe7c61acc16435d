// How to connect a client. The texts are those of `shimmy connect`, with this server's address and a model filled in.
import { codeBlock } from "../code.js"
import { copyButton } from "../copy.js"
import { el, fill } from "../dom.js"
import { icon } from "../icons.js"
import { settings } from "../storage.js"

const PLACEHOLDER = "YOUR_API_KEY"
// Clients whose prompts are long get a warning below this context, as `shimmy connect` gives it.
const LONG_PROMPTS = 32768

let clients = null
const load = () => clients ??= fetch(new URL("../data/connect.json", import.meta.url))
  .then(answer => answer.ok ? answer.json() : Promise.reject(new Error("The list of clients cannot be loaded."))).catch(error => { clients = null; throw error })

/** Returns a word that a POSIX shell reads as `text`. */
export const quoted = text => /^[\w\-./:@%+,][\w\-./:@%+=,]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** Fills a template of `kind` with values, written as the kind requires. */
export function filled(template, kind, values) {
  const put = text => text.replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole)
  if (kind === "shell") return template.replace(/[^\s=]*\{\{\w+\}\}[^\s=]*/g, word => quoted(put(word)))
  if (kind === "fields" || kind === "text") return put(template)
  // JSON, TOML and YAML have the same strings in double quotes.
  return template.replace(/"([^"\n]*\{\{\w+\}\}[^"\n]*)"/g, (_, inside) => JSON.stringify(put(inside))).replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole)
}

/** Returns the address of the server as clients need it: without a path at the end. */
export const address = base => String(base).replace(/\/+$/, "")

export async function connectPage(app, body) {
  const [all, models] = await Promise.all([load(), app.models.list()])
  const chats = models.filter(model => !model.shimmy?.problem && (model.shimmy?.capabilities ?? ["chat"]).includes("chat"))
  const wanted = app.query.get("model") ?? settings.get("connect-model")
  const model = el("select", { "aria-label": "Model" }, chats.map(each => el("option", { value: each.id }, each.id)), chats.length === 0 && el("option", { value: "MODEL" }, "MODEL"))
  if (chats.some(each => each.id === wanted)) model.value = wanted
  else model.value = (chats.find(each => each.shimmy?.loaded) ?? chats[0])?.id ?? "MODEL"
  const keyed = el("input", { type: "checkbox", ".checked": Boolean(app.key.value) })
  const own = el("input", { type: "checkbox" })
  const ownLabel = el("label.switch", {}, own, el("span", {}, "Show this page's key"))
  const root = address(app.api.base)
  const client = all.find(each => each.name === (app.path[1] ?? settings.get("connect-client"))) ?? null
  const list = el("ul.clients", { role: "list" }, [{ name: "any", title: "Any client" }, ...all].map(each => el("li", {}, el("a", {
    href: app.address(`help/connect/${each.name}`), "aria-current": (client?.name ?? "any") === each.name ? "true" : null, dataset: { client: each.name },
  }, each.title))))
  const place = el("div.recipe.stack")
  const draw = () => {
    settings.set("connect-model", model.value)
    ownLabel.hidden = !keyed.checked || !app.key.value
    const chosen = chats.find(each => each.id === model.value)
    const context = chosen?.shimmy?.context_length ?? 8192
    const output = Math.max(1, Math.floor(context / 4))
    const values = { root, model: model.value, key: keyed.checked ? own.checked && app.key.value ? app.key.value : PLACEHOLDER : "unused", context, output, prompt: Math.max(1, context - output) }
    fill(place, client ? recipe(client, values, keyed.checked) : plain(values, keyed.checked))
  }
  for (const input of [model, keyed, own]) input.addEventListener("change", draw)
  draw()
  fill(body,
    el("div.card.row.choices", {}, el("label.field.grow", {}, el("span", {}, "Model"), model),
      el("div.stack.switches", {}, el("label.switch", {}, keyed, el("span", {}, "With an API key")), ownLabel)),
    el("div.columns", {}, el("nav", { "aria-label": "Clients" }, list), place))
  list.querySelector("[aria-current]")?.scrollIntoView?.({ block: "nearest", inline: "center" })
}

function recipe(client, values, keyed) {
  settings.set("connect-client", client.name)
  const form = keyed ? client.keyed : client.open
  const put = (text, kind = "text") => filled(text, kind, values)
  const notes = [...form.notes, client.short && values.context < LONG_PROMPTS && client.short].filter(Boolean)
  const fields = (form.fields ?? []).map(([name, value]) => [name, put(value)])
  const command = form.kind === "shell" && form.fields
  return [
    el("div", {}, el("h2", {}, client.title), el("p.muted.small", {}, client.about)),
    form.text && [
      el("p", {}, form.kind === "shell" ? command ? "Run this command:" : "Set these variables before you start the client:" : ["Add this to ", el("code", {}, form.file), ":"]),
      codeBlock(put(form.text, form.kind).trimEnd(), form.kind === "shell" ? "sh" : form.kind),
    ],
    form.also && [el("p", {}, "Also set:"), codeBlock(form.also.map(each => put(each, "shell")).join("\n"), "sh")],
    fields.length > 0 && [el("p", {}, form.text ? "Or enter in its settings:" : "Enter in its settings:"),
      el("dl.fields", {}, fields.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("code", { dir: "ltr" }, value), copyButton(value, `Copy ${name}`)))))],
    notes.length > 0 && el("ul.notes", {}, notes.map(each => el("li", { dir: "auto" }, put(each)))),
    form.file && el("p.notice.small", {}, icon("tool"), el("div", {}, el("p", {}, form.kind === "shell" ? ["On the client's machine, this writes the same into ", el("code", {}, form.file), " and keeps the old file:"] : "On the client's machine, this adds it to the file and keeps the old one:"),
      el("p", {}, el("code", { dir: "ltr" }, `shimmy connect ${client.name} --write --host ${quoted(values.root)} --model ${quoted(values.model)}`)))),
  ]
}

function plain(values, keyed) {
  settings.set("connect-client", null)
  const bases = [["OpenAI's API", `${values.root}/v1`], ["Anthropic's API", values.root], ["Ollama's API", values.root], ["llama-server's API", values.root], ["LM Studio's API", values.root]]
  const header = keyed ? ` \\\n  -H "Authorization: Bearer ${values.key}"` : ""
  const body = JSON.stringify({ model: values.model, messages: [{ role: "user", content: "Say hello." }] })
  return [
    el("div", {}, el("h2", {}, "Any client"), el("p.muted.small", {}, "Shimmy serves clients of OpenAI's, Anthropic's, Ollama's, llama-server's and LM Studio's APIs. Most programs ask for a base URL, a key and a model.")),
    el("dl.fields", {}, [...bases, ["Model", values.model], ["API key", keyed ? values.key : "any text, such as unused"]].map(([name, value]) => el("div", {}, el("dt", {}, name),
      el("dd", {}, el("code", { dir: "ltr" }, value), copyButton(value, `Copy ${name}`))))),
    el("h3", {}, "curl"),
    codeBlock(`curl ${values.root}/v1/chat/completions -H 'Content-Type: application/json'${header} \\\n  -d ${quoted(body)}`, "sh"),
    el("h3", {}, "Python, with OpenAI's client"),
    codeBlock(`from openai import OpenAI\n\nclient = OpenAI(base_url=${JSON.stringify(`${values.root}/v1`)}, api_key=${JSON.stringify(values.key)})\nanswer = client.chat.completions.create(\n    model=${JSON.stringify(values.model)}, messages=[{"role": "user", "content": "Say hello."}])\nprint(answer.choices[0].message.content)`, "python"),
    el("h3", {}, "JavaScript, with OpenAI's client"),
    codeBlock(`import OpenAI from "openai"\n\nconst client = new OpenAI({ baseURL: ${JSON.stringify(`${values.root}/v1`)}, apiKey: ${JSON.stringify(values.key)} })\nconst answer = await client.chat.completions.create({\n  model: ${JSON.stringify(values.model)}, messages: [{ role: "user", content: "Say hello." }],\n})\nconsole.log(answer.choices[0].message.content)`, "js"),
  ]
}
