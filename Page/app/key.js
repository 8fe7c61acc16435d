// The API key: asked once, kept in memory or, on request, in this browser.
import { settings } from "./storage.js"

let value = settings.get("key")
let kept = value !== null
let asking = null

export const key = {
  get value() { return value },
  get kept() { return kept },
  set(text, keep) {
    value = text || null
    kept = Boolean(keep && value)
    settings.set("key", kept ? value : null)
    dispatchEvent(new Event("shimmy:key"))
  },
  forget() { this.set(null, false) },
  /** Returns a promise of whether the person entered a key. Requests that fail at once share one dialog. */
  ask(reason = "This server asks for an API key.") {
    asking ??= import("./key-dialog.js").then(module => module.askKey(key, reason), () => false).finally(() => { asking = null })
    return asking
  },
}
