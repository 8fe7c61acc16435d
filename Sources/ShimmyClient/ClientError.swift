package import ShimmyJSON

/// A failed request to a server: a connection problem, or an error that the server returned.
package enum ClientError: Error, Equatable, CustomStringConvertible {
    /// There is no server at this address.
    case unreachable(String, reason: String)
    /// The server closed the connection before its answer.
    /// - encrypted: the address with `https`, at which the server may answer; nil if the connection was encrypted or to a socket.
    case closed(String, encrypted: String?)
    /// The message of the server, from OpenAI's error object. The status is nil for a response that failed while it streamed.
    case refused(status: Int?, message: String, code: String?)
    /// The response does not follow the API.
    case unreadable(String)
    /// The client's own certificate, or its key, cannot be used.
    case certificate(String)

    package var description: String {
        switch self {
        case .unreachable(let address, let reason): "no server answers at \(address) (\(reason))" + (Self.isHere(address) ? Self.advice : "")
        case .closed(let address, let encrypted):
            "the server at \(address) closed the connection"
                + (encrypted.map { "; it may want https: --host \($0)" } ?? (address.hasPrefix("https:") ? Self.certificateAdvice : ""))
        case .refused(_, let message, _): message
        case .unreadable(let what): "the server's answer cannot be read: \(what)"
        case .certificate(let problem): problem
        }
    }

    private static let advice = "; 'shimmy serve' starts one"
    private static let certificateAdvice = "; it may require a client certificate: --tls-client-cert and --tls-client-key"

    /// Returns whether an address is one of this machine.
    private static func isHere(_ address: String) -> Bool { ["127.0.0.1", "localhost", "[::1]"].contains { address.contains("://\($0):") } }

    /// Reads the error that a value of a stream reports; nil if it reports none.
    package init?(reportedBy value: JSON) {
        guard value["error"] != nil else { return nil }
        self.init(status: nil, body: value)
    }

    /// Reads an error object `{"error": {"message": …, "code": …}}`.
    init(status: Int?, body: JSON?) {
        let error = body?["error"]
        let message = error?["message"]?.stringValue ?? "the server answered with status \(status ?? 0)"
        self = .refused(status: status, message: message, code: error?["code"]?.stringValue)
    }
}
