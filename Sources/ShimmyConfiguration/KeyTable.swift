import ShimmyCore
import ShimmyJSON

/// The content of a `[key."NAME"]` table: a key of a client and its properties.
package struct KeyTable: Sendable, Equatable {
    /// Where the text of the key comes from.
    package enum Source: Sendable, Equatable {
        case text(String)
        /// The name of an environment variable with the key.
        case variable(String)
        /// The path of a file with the key.
        case file(String)
        /// The SHA-256 hash of the key in hexadecimal.
        case hash(String)
    }

    package var name: String
    /// Nil only if the table has a problem.
    package var source: Source?
    package var isAdmin = false
    /// Names and patterns of models; empty for all models.
    package var models: [String] = []
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var tokensPerDay: Int?
    package var concurrency: Int?
    package var maxOutputTokens: Int?
    package var weight = 1.0
    /// The time from which the key is no longer valid, in seconds since 1970; nil for a key that does not expire.
    package var expires: Int?

    private static let sources = ["key", "key_env", "key_file", "hash"]
    private static let others = [
        "role", "models", "requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrency", "max_output_tokens", "weight", "expires",
    ]

    init(name: String, _ reader: inout TableReader, _ paths: PathBase) {
        self.name = name
        reader.refuseOthers(than: Self.sources + Self.others)
        if !KeyRanges.isName(name) { reader.report(nil, "the name of a key must have \(KeyRanges.nameExpectation).") }
        source = Self.source(&reader, paths)
        isAdmin = reader.setting(.choice(["user", "admin"]), "role", paths: paths) == "admin"
        models = reader.value("models", "a list, which is not empty, of \(KeyRanges.modelExpectation)", Self.models) ?? []
        func number(_ key: String, _ range: ClosedRange<Int>) -> Int? {
            reader.setting(.integer(range), key, paths: paths).flatMap { Int($0) }
        }
        requestsPerMinute = number("requests_per_minute", KeyRanges.count)
        tokensPerMinute = number("tokens_per_minute", KeyRanges.count)
        tokensPerDay = number("tokens_per_day", KeyRanges.count)
        concurrency = number("concurrency", KeyRanges.concurrency)
        maxOutputTokens = number("max_output_tokens", KeyRanges.outputTokens)
        let range = KeyRanges.weight
        weight =
            reader.value("weight", "a number from \(range.lowerBound) to \(range.upperBound)") {
                $0.doubleValue.flatMap { range.contains($0) ? $0 : nil }
            } ?? 1
        // A date without quotes is not a string in TOML.
        expires = reader.value("expires", TimeText.expectation) { ($0.stringValue ?? $0["toml"]?.stringValue).flatMap(TimeText.seconds) }
    }

    private static func source(_ reader: inout TableReader, _ paths: PathBase) -> Source? {
        let given = sources.filter { reader.object[$0] != nil }
        if given.count != 1 {
            reader.report(given.last, "a key needs exactly one of \(sources.joined(separator: ", ")).")
            return nil
        }
        switch given[0] {
        case "key":
            // The report does not repeat the value, which is secret.
            guard let text = reader.object["key"].flatMap(text) else {
                reader.report("key", "it must be a string without spaces.")
                return nil
            }
            return .text(text)
        case "key_env": return reader.setting(.text, "key_env", paths: paths).map(Source.variable)
        case "key_file": return reader.setting(.path, "key_file", paths: paths).map(Source.file)
        default: return reader.value("hash", "the SHA-256 hash of the key: 64 hexadecimal digits", hash).map(Source.hash)
        }
    }

    private static func text(_ value: JSON) -> String? {
        value.stringValue.flatMap { $0.isEmpty || $0.contains(where: \.isWhitespace) ? nil : $0 }
    }

    private static func hash(_ value: JSON) -> String? {
        value.stringValue.flatMap { text in text.utf8.count == 64 && text.allSatisfy { $0.isASCII && $0.isHexDigit } ? text : nil }
    }

    private static func models(_ value: JSON) -> [String]? {
        guard let elements = value.arrayValue, !elements.isEmpty, elements.count <= KeyRanges.mostModels else { return nil }
        let models = elements.compactMap(\.stringValue).filter(KeyRanges.isModel)
        return models.count == elements.count ? models : nil
    }
}
