import ShimmyCore
import ShimmyJSON

/// The arguments of a call in a history: JSON in a text, which the model may have written wrongly.
enum CallArguments {
    /// Returns the arguments as JSON: `{}` for an empty text, a JSON string for a text that is not JSON.
    /// Throws a 400 for a text beyond the limits of a body.
    static func read(_ text: String, _ path: JSONPath) throws(APIError) -> String {
        if text.isEmpty { return "{}" }
        do {
            _ = try JSON.parse(text, limits: .clients)
            return text
        } catch {
            if error.limit != nil { throw .limitExceeded("Invalid '\(path)'", error, param: "\(path)") }
            return JSON.string(text).text
        }
    }
}

extension JSONLimits {
    /// The bounds of any JSON that a client sends.
    static let clients = JSONLimits(
        depth: InputLimits.standard.jsonDepth, bytes: InputLimits.standard.bodyBytes, values: InputLimits.standard.jsonValues,
        digits: InputLimits.standard.numberDigits)
}
