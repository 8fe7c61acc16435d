// The person's tools: a definition as JSON and, if wanted, JavaScript that runs in a frame without access to the page, its key or any server.
import { el } from "../dom.js"

const MAX_OUTPUT = 100_000

/** Returns a tool from its JSON, or throws an Error with plain words. Accepts the form of chat completions, too. */
export function parseTool(source) {
  let value
  try { value = JSON.parse(source) } catch (error) { throw new Error(`This is not JSON: ${error.message}`) }
  const tool = value?.function ?? value
  if (typeof tool?.name !== "string" || !/^[\w.-]{1,64}$/.test(tool.name)) throw new Error("The tool needs a \"name\" of letters, digits, '_' and '-'.")
  if (tool.parameters !== undefined && (typeof tool.parameters !== "object" || tool.parameters === null || Array.isArray(tool.parameters))) throw new Error("\"parameters\" is a JSON schema: an object.")
  return { name: tool.name, description: String(tool.description ?? ""), parameters: tool.parameters ?? { type: "object", properties: {} } }
}

export const example = `{
  "name": "add",
  "description": "Adds two numbers.",
  "parameters": {
    "type": "object",
    "properties": { "a": { "type": "number" }, "b": { "type": "number" } },
    "required": ["a", "b"]
  }
}`

/** Computes the result of a call with the code of its tool, and gives it to the model. */
export async function execute(chat, node, item, conversation) {
  const tool = conversation.record.settings.tools?.find(each => each.name === item.name)
  if (!tool?.code || item.busy || typeof item.output === "string") return
  item.busy = true
  item.failure = null
  chat.refresh(node)
  try {
    const output = await runTool(tool.code, item.arguments)
    item.busy = false
    await chat.answerCall(node, item, output, conversation)
  } catch (error) {
    Object.assign(item, { busy: false, failure: `The code failed: ${error.message}` })
    chat.refresh(node)
  }
}

/** Runs code with the call's arguments as `args` and returns its result as text. The frame is removed at the end or after `seconds`. */
export function runTool(code, source, seconds = 10) {
  let args
  try { args = JSON.parse(source || "{}") } catch { return Promise.reject(new Error("The model's arguments are not JSON.")) }
  return new Promise((resolve, reject) => {
    const frame = el("iframe.sandbox", { sandbox: "allow-scripts", src: new URL("../sandbox.html", import.meta.url).href, hidden: true, title: "Tool", tabindex: "-1" })
    const end = (action, value) => {
      clearTimeout(timer)
      removeEventListener("message", receive)
      frame.remove()
      action(value)
    }
    const receive = ({ source: from, data }) => {
      if (from !== frame.contentWindow || typeof data !== "object" || data === null) return
      if (data.ready === true) return frame.contentWindow.postMessage({ code, args }, "*")
      if (typeof data.error === "string") return end(reject, new Error(data.error.slice(0, 2000)))
      if (typeof data.result === "string") end(resolve, data.result.slice(0, MAX_OUTPUT))
    }
    const timer = setTimeout(() => end(reject, new Error(`The code did not end within ${seconds} s.`)), seconds * 1000)
    addEventListener("message", receive)
    document.body.append(frame)
  })
}
