import ShimmyCore

/// The reason why a text is not a grammar that can be enforced, as a message for users.
package struct GrammarTextError: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// Whether the grammar exceeds a limit; a simpler grammar could work.
    package let isLimit: Bool
    /// Whether a text that was already generated is not a prefix of any text of the grammar.
    package let isUnfitPrefix: Bool
    /// Whether the text is malformed in every notation of its kind, and not merely unsupported.
    package let isMalformed: Bool

    package init(_ description: String, isLimit: Bool = false, isUnfitPrefix: Bool = false, isMalformed: Bool = false) {
        self.description = description
        self.isLimit = isLimit
        self.isUnfitPrefix = isUnfitPrefix
        self.isMalformed = isMalformed
    }

    package static let tooAmbiguous = GrammarTextError(
        "it is too ambiguous: there are more than \(InputLimits.standard.grammarReadings) ways to read its first characters (limit grammarReadings)",
        isLimit: true)
}

/// The context in which the text of a grammar occurs.
package enum GrammarContext: Sendable {
    /// The text itself, without escapes.
    case plain
    /// Inside a JSON string: quotes, backslashes and control characters are escaped.
    case jsonString
}

/// Writes literals and sets in llama.cpp's notation (GBNF).
struct GrammarWriter {
    let context: GrammarContext

    func literal(_ text: String, ignoringCase: Bool = false) -> String {
        if text.isEmpty { return "\"\"" }
        if ignoringCase { return "(" + text.unicodeScalars.map { set(ScalarSet($0).ignoringCase) }.joined(separator: " ") + ")" }
        return "\"" + text.unicodeScalars.map { Self.quoted(written($0)) }.joined() + "\""
    }

    /// Returns the notation of one character of a set.
    func set(_ set: ScalarSet) -> String {
        let special = context == .plain ? [] : Self.escapedInJSON.filter { set.contains($0.value) }
        let plain = context == .plain ? set : set.subtracting(Self.escaped)
        var parts = special.map { "\"" + Self.quoted(written($0)) + "\"" }
        if !plain.isEmpty { parts.insert("[" + plain.ranges.compactMap(Self.range).joined() + "]", at: 0) }
        // An empty set matches nothing; GBNF writes it as `[]`.
        return parts.isEmpty ? "[]" : parts.count == 1 ? parts[0] : "(" + parts.joined(separator: " | ") + ")"
    }

    static let escapedInJSON: [Unicode.Scalar] = (UInt32(0)..<32).map { Unicode.Scalar($0)! } + ["\"", "\\"]

    static let escaped = ScalarSet(escapedInJSON.map { $0.value...$0.value })

    /// Returns the character as it is written in the context.
    func written(_ scalar: Unicode.Scalar) -> String {
        guard context == .jsonString else { return String(Character(scalar)) }
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{8}": return "\\b"
        case "\u{C}": return "\\f"
        default: return scalar.value < 32 ? "\\u" + Self.hex(scalar.value, 4).lowercased() : String(Character(scalar))
        }
    }

    /// Returns a text with escapes for the inside of a GBNF literal.
    private static func quoted(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            default: scalar.value < 32 ? "\\x" + hex(scalar.value, 2) : String(Character(scalar))
            }
        }.joined()
    }

    /// Returns a range in the notation of a set; nil for a range of surrogates, which are not characters.
    private static func range(_ range: ClosedRange<UInt32>) -> String? {
        let surrogates: ClosedRange<UInt32> = 0xD800...0xDFFF
        let low = surrogates.contains(range.lowerBound) ? surrogates.upperBound + 1 : range.lowerBound
        let high = surrogates.contains(range.upperBound) ? surrogates.lowerBound - 1 : range.upperBound
        guard low <= high else { return nil }
        let range = low...high
        return range.count == 1 ? member(range.lowerBound) : member(range.lowerBound) + "-" + member(range.upperBound)
    }

    private static func member(_ value: UInt32) -> String {
        ScalarSet.word.contains(value) ? String(Character(Unicode.Scalar(value)!)) : "\\U" + hex(value, 8)
    }

    private static func hex(_ value: UInt32, _ digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
