import ShimmyChat
import ShimmyGrammar
import ShimmyJSON

/// A decoder of the extensions that constrain an answer: `grammar` (llama.cpp's GBNF), `regex`, and `choice` (one of several texts).
enum GrammarDecoder {
    /// The max length of a grammar, in bytes. The parsers of the notations limit the nesting of groups.
    private static let maximumBytes = 65536

    /// Returns the answer's grammar as GBNF, with the path of its field; nil if there is none.
    /// - format: the field with the format of the answer.
    /// - takesVLLMs: whether the request may also use vLLM's names of these fields.
    static func decode(
        _ fields: FieldReader, _ conversation: Conversation, format: String = "response_format", takesVLLMs: Bool = false
    ) throws(APIError) -> (field: String, text: String)? {
        var given = try texts(fields, "grammar", "choice", "regex")
        if takesVLLMs {
            given += try texts(fields, "guided_grammar", "guided_choice", "guided_regex")
            if let outputs = try fields.nested("structured_outputs") { given += try texts(outputs, "grammar", "choice", "regex") }
        }
        guard let (field, text) = given.first else { return nil }
        let rivals = [
            (given.last?.field ?? "", given.count > 1), (format, conversation.responseSchema != nil),
            ("tools", conversation.toolChoice.mode != .none),
        ]
        if let rival = rivals.first(where: { $0.1 }) {
            throw APIError(
                status: 400, message: "Invalid '\(field)': it cannot be used together with '\(rival.0)'.", param: field, code: "invalid_value")
        }
        return (field, text)
    }

    /// Returns the grammars of one object, with the paths of their fields.
    private static func texts(
        _ fields: FieldReader, _ grammarName: String, _ choiceName: String, _ regexName: String
    ) throws(APIError) -> [(field: String, text: String)] {
        // An empty grammar is none, as in llama-server.
        let given = try fields.string(grammarName) ?? ""
        let grammar = given.isEmpty ? nil : try bounded(given, fields.path(to: grammarName))
        let (choice, regex) = (try choice(fields, choiceName), try regex(fields, regexName))
        return [(grammarName, grammar), (choiceName, choice), (regexName, regex)].compactMap { name, text in
            text.map { ("\(fields.path(to: name))", $0) }
        }
    }

    static func bounded(_ text: String, _ path: JSONPath) throws(APIError) -> String {
        guard text.utf8.count <= maximumBytes else {
            throw APIError(
                status: 400, message: "Invalid '\(path)': a grammar can have at most \(maximumBytes) bytes, but has \(text.utf8.count).",
                param: "\(path)", code: "invalid_value")
        }
        return text
    }

    private static func regex(_ fields: FieldReader, _ name: String) throws(APIError) -> String? {
        guard let pattern = try fields.string(name) else { return nil }
        let path = fields.path(to: name)
        do {
            return "root ::= " + (try RegexGrammar.expression(try bounded(pattern, path), in: .plain))
        } catch let error as GrammarTextError {
            throw APIError(status: 400, message: "Invalid '\(path)': \(error.description).", param: "\(path)", code: "invalid_value")
        } catch let error as APIError {
            throw error
        } catch {
            throw .internal("The server could not process a regular expression.")
        }
    }

    private static func choice(_ fields: FieldReader, _ name: String) throws(APIError) -> String? {
        guard let value = fields.value(name) else { return nil }
        let path = fields.path(to: name)
        let texts = try FieldReader.strings(in: value, at: path)
        if texts.isEmpty { throw .emptyArray(path) }
        return try bounded("root ::= " + texts.map(literal).joined(separator: " | "), path)
    }

    /// Returns a text as a GBNF literal.
    private static func literal(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 32 {
                    result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
