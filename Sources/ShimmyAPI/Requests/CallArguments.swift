import ShimmyCore
import ShimmyJSON

/// The arguments of a call in the message history: a JSON text, which may be malformed because a model wrote it.
enum CallArguments {
    /// Returns the arguments as JSON: `{}` for an empty text, a JSON string for a text that is not JSON or too deeply nested. Throws a 400 for a text
    /// that exceeds another limit of a request body.
    static func read(_ text: String, _ path: JSONPath) throws(APIError) -> String {
        if text.isEmpty { return "{}" }
        do {
            _ = try JSON.parse(text, limits: .clients)
            return text
        } catch {
            // A model may have written deeper arguments, and its client must be able to send them back.
            if let limit = error.limit, limit != .depth { throw .limitExceeded("Invalid '\(path)'", error, param: "\(path)") }
            return JSON.string(text).text
        }
    }
}

extension JSONLimits {
    /// The limits of any JSON that a client sends.
    static let clients = JSONLimits(
        depth: InputLimits.standard.jsonDepth, bytes: InputLimits.standard.bodyBytes, values: InputLimits.standard.jsonValues,
        digits: InputLimits.standard.numberDigits)
}
