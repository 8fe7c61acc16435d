import ShimmyJSON

/// A failed request to a server: a connection problem, or an error that the server returned.
package enum ClientError: Error, Equatable, CustomStringConvertible {
    /// There is no server at this address.
    case unreachable(String, reason: String)
    /// The message of the server, from OpenAI's error object. The status is nil for a response that failed while it streamed.
    case refused(status: Int?, message: String, code: String?)
    /// The response does not follow the API.
    case unreadable(String)

    package var description: String {
        switch self {
        case .unreachable(let address, let reason): "no server answers at \(address) (\(reason)); 'shimmy serve' starts one"
        case .refused(_, let message, _): message
        case .unreadable(let what): "the server's answer cannot be read: \(what)"
        }
    }

    /// Reads an error object `{"error": {"message": …, "code": …}}`.
    init(status: Int?, body: JSON?) {
        let error = body?["error"]
        let message = error?["message"]?.stringValue ?? "the server answered with status \(status ?? 0)"
        self = .refused(status: status, message: message, code: error?["code"]?.stringValue)
    }
}
