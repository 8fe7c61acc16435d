/// The reason to close a WebSocket: the code and the text of its close frame (RFC 6455, section 7.4).
package struct WebSocketClose: Error, Equatable {
    package let code: UInt16
    /// At most 123 bytes.
    package let reason: String

    init(_ code: UInt16, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    static let goingAway = WebSocketClose(1001, "The server is shutting down.")
    static let notText = WebSocketClose(1003, "Only text messages are supported.")
    static let notUTF8 = WebSocketClose(1007, "A text message is not UTF-8.")
    static let idle = WebSocketClose(1008, "The connection was idle for too long.")
    static let tooSlow = WebSocketClose(1008, "A message took too long to arrive.")
    static let keyRevoked = WebSocketClose(1008, "The API key is not valid any more.")
    static let busy = WebSocketClose(1013, "The server is busy. Try again later.")

    static func broken(_ reason: String) -> WebSocketClose { WebSocketClose(1002, reason) }
    static func tooLarge(limit: Int) -> WebSocketClose { WebSocketClose(1009, "A message has more than \(limit) bytes.") }
}
