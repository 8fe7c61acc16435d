package import ShimmyJSON

/// A request parameter that controls generation, under OpenAI's or llama.cpp's name for it.
package struct ChatParameter: Sendable {
    package let name: String
    package let meaning: String
    private let kind: Kind

    private enum Kind {
        case decimal(ClosedRange<Double>)
        case integer(ClosedRange<Int>)
        case texts(most: Int)
        case choice([String])
    }

    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    package static let all = [
        ChatParameter("temperature", .decimal(0...2), "0 always takes the most likely token"),
        ChatParameter("top_p", .decimal(0...1), "keeps the most likely tokens up to this total probability"),
        ChatParameter("top_k", .integer(0...Int(Int32.max)), "keeps this number of the most likely tokens; 0 keeps all"),
        ChatParameter("min_p", .decimal(0...1), "keeps tokens with at least this fraction of the highest probability"),
        ChatParameter("max_tokens", .integer(1...Int(Int32.max)), "max tokens of an answer"),
        ChatParameter("seed", .integer(Int.min...Int.max), "makes answers repeatable"),
        ChatParameter("stop", .texts(most: 4), "text to stop before; several as a JSON array"),
        ChatParameter("frequency_penalty", .decimal(-2...2), "penalizes tokens by their number of occurrences"),
        ChatParameter("presence_penalty", .decimal(-2...2), "penalizes tokens that have occurred"),
        ChatParameter("repeat_penalty", .decimal(0.01...100), "penalizes recent tokens; 1 for no penalty"),
        ChatParameter(
            "reasoning_effort", .choice(["none", "minimal", "low", "medium", "high", "xhigh"]), "how much the model reasons before it answers"),
    ]

    private init(_ name: String, _ kind: Kind, _ meaning: String) {
        self.name = name
        self.kind = kind
        self.meaning = meaning
    }

    package static func named(_ name: String) throws(Refusal) -> ChatParameter {
        guard let parameter = all.first(where: { $0.name == name }) else {
            throw Refusal(description: "there is no parameter \(name); the parameters are \(all.map(\.name).joined(separator: ", "))")
        }
        return parameter
    }

    /// Parses a value that the user typed. Throws `Refusal` if it is not valid.
    package func value(_ text: String) throws(Refusal) -> JSON {
        switch kind {
        case .decimal(let range):
            guard let number = Double(text), range.contains(number) else {
                throw Refusal(
                    description: "\(name) takes a number from \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound)), not '\(text)'")
            }
            return .double(number)
        case .integer(let range):
            guard let number = Int(text), range.contains(number) else {
                let bounds = range == Int.min...Int.max ? "" : " of at least \(range.lowerBound)"
                throw Refusal(description: "\(name) takes a whole number\(bounds), not '\(text)'")
            }
            return .int(number)
        case .texts(let most):
            let parsed = text.first == "[" || text.first == "\"" ? try? JSON.parse(text) : nil
            let texts = parsed?.arrayValue ?? [parsed ?? .string(text)]
            guard !texts.isEmpty, texts.count <= most, texts.allSatisfy({ $0.stringValue?.isEmpty == false }) else {
                throw Refusal(description: "\(name) takes a text, or a JSON array of up to \(most) texts")
            }
            return .array(texts)
        case .choice(let words):
            guard words.contains(text) else { throw Refusal(description: "\(name) takes one of \(words.joined(separator: ", ")), not '\(text)'") }
            return .string(text)
        }
    }

    /// Returns whether a value from a file is valid, that is, whether `value(_:)` can return it.
    func accepts(_ value: JSON) -> Bool {
        switch kind {
        case .decimal(let range): value.doubleValue.map(range.contains) ?? false
        case .integer(let range): value.intValue.map(range.contains) ?? false
        case .texts(let most):
            value.arrayValue.map { !$0.isEmpty && $0.count <= most && $0.allSatisfy { $0.stringValue?.isEmpty == false } } ?? false
        case .choice(let words): value.stringValue.map(words.contains) ?? false
        }
    }

    private static func short(_ bound: Double) -> String { bound == bound.rounded() ? "\(Int(bound))" : "\(bound)" }
}
