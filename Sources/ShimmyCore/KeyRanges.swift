/// The allowed values of an API key's properties, for the configuration file, the command line and the API alike.
package enum KeyRanges {
    /// Requests or tokens in a period of time.
    package static let count = 1...1_000_000_000_000
    /// Requests at the same time.
    package static let concurrency = 1...1_000_000
    /// Tokens of one answer.
    package static let outputTokens = 1...Int(Int32.max)
    package static let weight = 0.001...1000.0

    package static let mostModels = 100
    private static let longestModel = 256
    private static let longestName = 64

    package static let nameExpectation = "1 to 64 visible characters without a space at the beginning or the end"
    package static let modelExpectation = "model names or patterns with *, at most 100, each of 1 to 256 visible characters"

    package static func isName(_ text: String) -> Bool { isVisible(text, longest: longestName) }

    /// Returns whether a text can be a name of a model, or a pattern of names.
    package static func isModel(_ text: String) -> Bool { isVisible(text, longest: longestModel) }

    private static func isVisible(_ text: String, longest: Int) -> Bool {
        // A scalar has at most four bytes. The number of bytes is known without counting.
        guard text.utf8.count <= longest * 4, text.unicodeScalars.count <= longest else { return false }
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else { return false }
        if first.properties.isWhitespace || last.properties.isWhitespace { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }
}
