import ShimmyJSON

/// Why a server could not be asked, or what it said no with.
package enum ClientError: Error, Equatable, CustomStringConvertible {
    /// Nobody answers at this address.
    case unreachable(String, reason: String)
    /// The server's own words, from OpenAI's error object. The status is nil for an answer that failed on its way.
    case refused(status: Int?, message: String, code: String?)
    /// What answers there does not speak the dialect.
    case unreadable(String)

    package var description: String {
        switch self {
        case .unreachable(let address, let reason): "no server answers at \(address) (\(reason)); 'shimmy serve' starts one"
        case .refused(_, let message, _): message
        case .unreadable(let what): "the server's answer cannot be read: \(what)"
        }
    }

    /// Of `{"error": {"message": …, "code": …}}`.
    init(status: Int?, body: JSON?) {
        let error = body?["error"]
        let message = error?["message"]?.stringValue ?? "the server answered with status \(status ?? 0)"
        self = .refused(status: status, message: message, code: error?["code"]?.stringValue)
    }
}
