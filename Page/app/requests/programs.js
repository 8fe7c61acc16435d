// A request as a command or a program that sends it again.

const quoted = value => `'${value.replaceAll("'", "'\\''")}'`

/** - key: whether the server wants a key; it is read from a variable, so that no copy contains it. */
export function asCurl({ method, url, body, key }) {
  const lines = [`curl ${quoted(url)}`]
  if (method !== "POST") lines[0] = `curl -X ${method} ${quoted(url)}`
  if (key) lines.push(`-H "Authorization: Bearer $SHIMMY_API_KEY"`)
  if (body !== null) lines.push("-H 'Content-Type: application/json'", `--data-raw ${quoted(typeof body === "string" ? body : JSON.stringify(body, null, 2))}`)
  return lines.join(" \\\n  ")
}

export function asPython({ method, url, body, key }) {
  const headers = { "Content-Type": '"Content-Type": "application/json"', key: '"Authorization": "Bearer " + os.environ["SHIMMY_API_KEY"]' }
  const lines = ["import json", key && "import os", "import urllib.request", ""]
  if (body !== null) lines.push(`body = ${literal(body)}`)
  lines.push("request = urllib.request.Request(", `    ${JSON.stringify(url)}, method=${JSON.stringify(method)},`,
    body !== null && (typeof body === "string" ? "    data=body.encode()," : "    data=json.dumps(body).encode(),"),
    `    headers={${[body !== null && headers["Content-Type"], key && headers.key].filter(Boolean).join(", ")}},`, ")",
    "with urllib.request.urlopen(request) as response:", "    for line in response:", "        print(line.decode(), end=\"\")")
  return lines.filter(line => line !== false && line !== undefined && line !== null).join("\n") + "\n"
}

/** Returns a value as Python writes it. Strings of JSON are strings of Python. */
export function literal(value, indent = "") {
  if (value === null || value === undefined) return "None"
  if (value === true) return "True"
  if (value === false) return "False"
  if (typeof value === "number") return String(value)
  // A lone surrogate has no UTF-8 form.
  if (typeof value === "string") return JSON.stringify(value.toWellFormed?.() ?? value)
  const inner = `${indent}    `
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `[\n${value.map(each => `${inner}${literal(each, inner)},\n`).join("")}${indent}]`
  const members = Object.entries(value)
  return members.length === 0 ? "{}" : `{\n${members.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${literal(each, inner)},\n`).join("")}${indent}}`
}
