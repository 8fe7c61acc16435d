package import ShimmyChat

/// The answer of an upstream server to a request for media. It ends the account of the request.
package final class ForwardedMedia: Sendable {
    /// The head of the answer.
    package let head: MediaAnswer
    private let caller: Caller

    init(_ head: MediaAnswer, _ caller: Caller) {
        self.head = head
        self.caller = caller
    }

    /// Returns the next piece of the body; nil at its end. One task calls it.
    package func next() async throws -> [UInt8]? {
        do {
            if let bytes = try await head.next() { return bytes }
        } catch {
            caller.charge?.fail(error)
            throw error
        }
        let usage = head.usage()
        if let usage { caller.request?.note(promptTokens: usage.promptTokens) }
        caller.charge?.end(usage ?? .none)
        return nil
    }

    /// Returns all bytes of the body.
    package func whole() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await next() { bytes = bytes.isEmpty ? piece : bytes + piece }
        return bytes
    }

    /// Closes the request at the upstream. Any thread may call it.
    package func cancel() { head.cancel() }

    /// Ends an answer whose client has disconnected.
    package func abandon() {
        cancel()
        caller.charge?.fail(CancellationError())
    }
}
