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
            // A model may also have written half of a surrogate pair, which the engine of the templates does not read.
            var limits = JSONLimits.clients
            limits.replacesLoneSurrogates = true
            let repaired = try? JSON.parse(text, limits: limits)
            return repaired?.text ?? JSON.string(text).text
        }
    }

    /// Returns whether the text is the beginning of a JSON text that was cut off, such as `{"city": "Ber`. An empty text stands for no arguments.
    static func isCutOff(_ text: String) -> Bool {
        if text.isEmpty { return false }
        do {
            _ = try JSON.parse(text, limits: .clients)
            return false
        } catch {
            return error.isAtEnd
        }
    }
}

extension JSONLimits {
    /// The limits of any JSON that a client sends.
    static let clients = JSONLimits(
        depth: InputLimits.standard.jsonDepth, bytes: InputLimits.standard.bodyBytes, values: InputLimits.standard.jsonValues,
        digits: InputLimits.standard.numberDigits)
}
