package import ShimmyJSON

/// The form in which a stream sends JSON values.
package struct StreamFraming: Sendable {
    /// The response's content type.
    package let contentType: String
    /// Returns the bytes of a value.
    package let frame: @Sendable (JSON) -> [UInt8]
    /// The bytes that show that an idle stream is alive. Clients skip them; empty if the form has nothing of the kind.
    package let ping: [UInt8]
    /// The bytes after the last value of a stream that came to its end.
    package let end: [UInt8]
    /// Returns the bytes of a comment for people who read the stream; empty if the form has no comments.
    package let comment: @Sendable (String) -> [UInt8]
}

extension StreamFraming {
    /// Events without a name, as in OpenAI's streams of chat completions. The last one is `[DONE]`.
    package static let unnamed = StreamFraming(
        contentType: "text/event-stream", frame: ServerSentEvents.data, ping: ServerSentEvents.ping, end: ServerSentEvents.done,
        comment: ServerSentEvents.comment)

    /// Events without a name, and without an event that ends the stream.
    package static let endless = StreamFraming(
        contentType: "text/event-stream", frame: ServerSentEvents.data, ping: ServerSentEvents.ping, end: [], comment: ServerSentEvents.comment)

    /// Events named after the `type` of their value.
    package static let named = StreamFraming(
        contentType: "text/event-stream", frame: ServerSentEvents.event, ping: ServerSentEvents.ping, end: [],
        comment: ServerSentEvents.comment)

    /// Lines of JSON (NDJSON).
    package static let lines = StreamFraming(
        contentType: "application/x-ndjson", frame: { $0.serialized() + [UInt8(ascii: "\n")] }, ping: [], end: [], comment: { _ in [] })
}
