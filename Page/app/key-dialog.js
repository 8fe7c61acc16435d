// The dialog that asks for an API key. It is loaded when a server asks for one.
import { el } from "./dom.js"
import { dialog } from "./overlays.js"

/** Asks for a key and returns whether the person entered one that the server accepts. */
export async function askKey(key, reason) {
  const field = el("input#key-field", { type: "password", pattern: "\\s*[!-~]+\\s*", title: "Letters, digits and signs of ASCII, without spaces", autocomplete: "off", spellcheck: "false", required: true, placeholder: "sk-shimmy-…", autofocus: true })
  const keep = el("input", { type: "checkbox", ".checked": key.kept })
  const problem = el("p.small.problem", { role: "alert" })
  const check = async () => {
    problem.textContent = await wrong(field.value.trim())
    if (problem.textContent === "") return true
    field.setAttribute("aria-invalid", "true")
    field.select()
    return false
  }
  const { result } = dialog({
    title: "API key",
    body: [
      el("p", {}, reason, " The person who runs the server creates one with ", el("code", {}, "shimmy key create"), "."),
      el("label.field", {}, el("span", {}, "Key"), field),
      problem,
      el("label.switch", {}, keep, el("span", {}, "Keep it in this browser")),
      el("p.small.muted", {}, "Without this, the key is forgotten when this tab closes. Do not keep it in a browser that others use."),
    ],
    actions: [{ text: "Cancel", value: false }, { text: "Use this key", kind: "primary", submit: true, value: true, run: check }],
  })
  const done = await result === true && field.value.trim() !== ""
  if (done) key.set(field.value.trim(), keep.checked)
  return done
}

/** Returns why a key cannot be used; an empty text if the server accepts it. */
async function wrong(text) {
  if (text === "") return "Enter a key."
  try {
    const { status } = await fetch(new URL("v1/models", new URL(".", document.baseURI)), { headers: { Authorization: `Bearer ${text}` }, cache: "no-store" })
    if (status === 401) return "The server does not accept this key."
    return status === 429 ? "There were too many attempts. Try again later." : ""
  } catch { return "The server cannot be reached. Is it running?" }
}
