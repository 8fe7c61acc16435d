// What models offer beside text: images and audio in a message, transcription, speech.
import { settings } from "../storage.js"

const words = { image: "vision", audio: "audio" }
// The server takes bodies of 32 MiB, and the texts need room, too.
const MAX_DATA = 24_000_000

/** Returns whether a model with these capabilities takes files of a kind. */
export const takes = (capabilities, kind) => kind === "text" || !capabilities || capabilities.includes(words[kind])

/** Returns the words about a kind of files that a model does not take. */
export const refusal = (model, kind) => `${model?.id ?? "This model"} cannot take ${kind === "image" ? "images" : "audio"}.`

/** Returns what keeps files from being sent after the messages of a path, or null. */
export function obstacle(files, path, model, capabilities) {
  const wrong = files.find(file => !takes(capabilities, file.kind))
  if (wrong) return `${refusal(model, wrong.kind)} Remove ${wrong.name}, or choose another model.`
  const size = [...path, { files }].flatMap(node => node.files ?? []).reduce((sum, file) => sum + (file.data?.length ?? 0), 0)
  return files.length > 0 && size > MAX_DATA ? "The images and audio of this conversation are too large for one request. Begin a new conversation." : null
}

/** Returns the ID of the model for "transcription" or "speech": the person's choice, or the first that offers it. "" stands for none. */
export function modelFor(use, list) {
  const chosen = settings.get(`model.${use}`), has = id => list?.some(model => model.id === id)
  if (chosen === "" || chosen === "browser" || has(chosen)) return chosen
  return list?.find(model => model.shimmy?.capabilities?.includes(use))?.id ?? (use === "speech" && "speechSynthesis" in globalThis ? "browser" : "")
}
