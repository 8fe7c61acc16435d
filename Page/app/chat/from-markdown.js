// Conversations from Markdown in the form of the export: a heading of the first level is the title, those of the second level begin messages.

const MAX_MESSAGES = 100_000
const people = /^(?:you|user|human)$/i, anyModel = /^(?:model|assistant)$/i

/** Returns a conversation in the form of the export as JSON. Throws an Error with plain words. */
export function fromMarkdown(text) {
  const { title, before, messages } = sections(text.replace(/^\ufeff/, "").split(/\r?\n/))
  if (messages.length === 0) throw new Error("The file has no messages. A heading \"## You\" begins a question, and the next one its answer.")
  const kept = messages.slice(0, MAX_MESSAGES).map(({ role, name, lines }, index) => {
    const content = lines.join("\n").trim()
    return {
      id: `m${index}`, parent: index > 0 ? `m${index - 1}` : null, at: index + 1, role,
      ...role === "user" ? { text: content } : { model: anyModel.test(name) ? null : name, items: [{ type: "text", text: content }] },
    }
  })
  const system = before.filter(line => line.startsWith(">")).map(line => line.replace(/^> ?/, "")).join("\n").trim()
  return { title: title || "Imported", model: kept.findLast(each => each.model)?.model, settings: system === "" ? {} : { system }, messages: kept, leaf: kept.at(-1).id }
}

/** Returns the title, the lines before the first message, and the messages as lines. */
function sections(lines) {
  const before = [], messages = [], models = new Set()
  let title = "", fence = null, last = null
  for (const line of lines) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    const heading = fence === null && !mark ? /^(#{1,2}) +(.*\S)/.exec(line) : null
    if (mark && fence === null) fence = mark
    else if (mark && mark.startsWith(fence) && line.trim() === mark) fence = null
    if (heading?.[1] === "#" && title === "" && last === null) { title = heading[2]; continue }
    // Answers have headings of their own, so one begins a message only if it names a person, follows a question or names a model of an earlier answer.
    const name = heading?.[1] === "##" ? heading[2] : null
    if (name !== null && (people.test(name) || last?.role === "user" || models.has(name))) {
      last = { role: people.test(name) ? "user" : "assistant", name, lines: [] }
      if (last.role === "assistant") models.add(name)
      messages.push(last)
    } else (last?.lines ?? before).push(line)
  }
  return { title, before, messages }
}
