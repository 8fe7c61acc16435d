package import ShimmyJSON

/// Frames of a `text/event-stream`, as OpenAI's streams use them: one line of JSON each; those of responses also say what they are.
package enum ServerSentEvents {
    package static let done: [UInt8] = Array("data: [DONE]\n\n".utf8)
    /// A comment: clients skip it, proxies and sockets see that the stream lives.
    package static let ping: [UInt8] = Array(": ping\n\n".utf8)

    /// A comment for people who look at the stream; a name in it cannot end it.
    package static func comment(_ text: String) -> [UInt8] {
        Array(": \(String(text.unicodeScalars.map { $0.value < 32 ? " " : Character($0) }))\n\n".utf8)
    }

    package static func data(_ json: JSON) -> [UInt8] {
        var bytes = Array("data: ".utf8)
        json.write(into: &bytes)
        bytes += [UInt8(ascii: "\n"), UInt8(ascii: "\n")]
        return bytes
    }

    /// An event with its type in a line of its own.
    package static func event(_ json: JSON) -> [UInt8] { Array("event: \(json["type"]?.stringValue ?? "message")\n".utf8) + data(json) }
}
