package import ShimmyJSON

/// Frames of a `text/event-stream`, as OpenAI's streams use them: one line of JSON each. Frames of responses also have a line with the event's type.
package enum ServerSentEvents {
    package static let done: [UInt8] = Array("data: [DONE]\n\n".utf8)
    /// A comment. Clients skip it; it shows proxies and sockets that the stream is alive.
    package static let ping: [UInt8] = Array(": ping\n\n".utf8)

    /// Returns a comment for people who read the stream. Control characters become spaces, so that a name in the text cannot end the comment.
    package static func comment(_ text: String) -> [UInt8] {
        Array(": \(String(text.unicodeScalars.map { $0.value < 32 ? " " : Character($0) }))\n\n".utf8)
    }

    package static func data(_ json: JSON) -> [UInt8] {
        var bytes = Array("data: ".utf8)
        json.write(into: &bytes)
        bytes += [UInt8(ascii: "\n"), UInt8(ascii: "\n")]
        return bytes
    }

    /// Returns an event with its type on a separate line.
    package static func event(_ json: JSON) -> [UInt8] { Array("event: \(json["type"]?.stringValue ?? "message")\n".utf8) + data(json) }
}
