/// The answer of an upstream server to a request for media. Its head has arrived; its body arrives in pieces.
package struct MediaAnswer: Sendable {
    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The form of the body.
    package enum Form: Sendable {
        /// JSON or a text, which is short enough to be read as a whole.
        case whole
        /// Server-sent events. No piece ends within an event, except the last one of a body that does.
        case events
        /// Other bytes, such as audio.
        case bytes
    }

    /// The name of the upstream.
    package let upstream: String
    package let status: Int
    package let contentType: String
    /// Further headers for the client.
    package let headers: [Header]
    package let form: Form
    /// Returns the next piece of the body; nil at its end. One task calls it.
    package var next: @Sendable () async throws -> [UInt8]?
    /// Closes the request at the upstream. Any thread may call it.
    package let cancel: @Sendable () -> Void
    /// Returns the tokens that the body reports, at its end; nil if it reports none.
    package let usage: @Sendable () -> Usage?

    package init(
        upstream: String, status: Int = 200, contentType: String, headers: [Header] = [], form: Form,
        next: @escaping @Sendable () async throws -> [UInt8]?, cancel: @escaping @Sendable () -> Void = {},
        usage: @escaping @Sendable () -> Usage? = { nil }
    ) {
        self.upstream = upstream
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.form = form
        self.next = next
        self.cancel = cancel
        self.usage = usage
    }
}
