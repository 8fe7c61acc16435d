// Runs the code of one tool call in a frame with an opaque origin, whose policy allows no connection.
addEventListener("message", async event => {
  if (event.source !== parent) return
  const answer = message => parent.postMessage(message, "*")
  // The policy of a document does not cover these connections.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) delete globalThis[name]
  try {
    const make = Object.getPrototypeOf(async () => {}).constructor
    const value = await new make("args", event.data.code)(event.data.args)
    answer({ result: typeof value === "string" ? value : JSON.stringify(value) ?? "null" })
  } catch (error) {
    answer({ error: String(error) })
  }
}, { once: true })
parent.postMessage({ ready: true }, "*")
