import ShimmyCore

/// How likely a token of the content was, with its text and the likeliest others.
package struct TokenProbability: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        /// Part of a character, for some tokens.
        package var bytes: [UInt8]
        /// A natural logarithm; minus infinity for what cannot be.
        package var logprob: Float

        package init(bytes: [UInt8], logprob: Float) {
            self.bytes = bytes
            self.logprob = logprob
        }
    }

    package var drawn: Entry
    package var top: [Entry]

    package init(drawn: Entry, top: [Entry] = []) {
        self.drawn = drawn
        self.top = top
    }
}

/// A token of the text that is to be continued.
package struct PromptToken: Sendable, Equatable {
    /// As they stand in the text.
    package var bytes: [UInt8]
    /// Nil for the first token: nothing came before it.
    package var probability: TokenProbability?

    package init(bytes: [UInt8], probability: TokenProbability?) {
        self.bytes = bytes
        self.probability = probability
    }
}

extension TokenProbability {
    init(_ logprobs: TokenLogprobs, _ vocabulary: any Vocabulary) {
        func entry(_ entry: TokenLogprobs.Entry) -> Entry { Entry(bytes: vocabulary.piece(of: entry.token, special: true), logprob: entry.logprob) }
        self.init(drawn: entry(logprobs.drawn), top: logprobs.top.map(entry))
    }
}

/// Finds for every piece of content the tokens that it was made of: text is held back, cut by a format, and told in other pieces than it came.
///
/// Reasoning is left out: the same words may stand there first.
struct ContentProbabilities: Sendable {
    private struct Said {
        let probability: TokenProbability
        /// Where its text ends, counted from the first byte that was said.
        var end: Int
    }

    private let vocabulary: any Vocabulary
    private var said: [Said] = []
    /// What was said and not told yet, from byte `begin` on.
    private var raw: [UInt8] = []
    private var begin = 0
    /// Content that ends within a token; it waits for the rest of it, so that text and probabilities arrive together.
    private var held = ""
    /// Nil where the format knows no reasoning.
    private var tracker: ThinkingTracker?

    init(vocabulary: any Vocabulary, tracker: ThinkingTracker?) {
        self.vocabulary = vocabulary
        self.tracker = tracker
    }

    /// Whether nothing was said that is not told.
    var isEmpty: Bool { said.isEmpty && held.isEmpty }

    /// - text: the bytes that the token has in the answer.
    mutating func push(_ logprobs: TokenLogprobs, of token: Token, text: [UInt8]) {
        var content = text
        if let wasThinking = tracker?.isThinking {
            let piece = vocabulary.piece(of: token, special: true)
            guard let read = tracker?.contentBytes(of: piece) else { return }
            retract(read.retracted)
            let isThought = wasThinking || tracker?.isThinking == true
            if isThought, read.content.isEmpty { return }
            if piece == text { content = read.content } else if isThought { return }
        }
        raw += content
        said.append(Said(probability: TokenProbability(logprobs, vocabulary), end: begin + raw.count))
    }

    /// The last bytes were part of a tag.
    private mutating func retract(_ count: Int) {
        guard count > 0 else { return }
        raw.removeLast(min(count, raw.count))
        let end = begin + raw.count
        while let last = said.last, last.end > end {
            if said.dropLast().last?.end ?? begin >= end {
                said.removeLast()
            } else {
                said[said.count - 1].end = end
            }
        }
    }

    /// As much of the content as ends with a token, and its tokens.
    mutating func take(_ content: String) -> (text: String, tokens: [TokenProbability]) {
        let text = Array((held + content).utf8)
        // Bytes that are no text were told as U+FFFD and are not found: then it is all that was said.
        guard let place = Self.find(text, in: raw) else { return (held + content, passAll()) }
        let (first, last) = (begin + place.lowerBound, begin + place.upperBound)
        // The last token that ends in the text and with a character.
        let ends = said.map(\.end).filter { $0 > first && $0 <= last }
        guard let end = ends.last(where: { String(validating: text[..<($0 - first)], as: UTF8.self) != nil }) else {
            held = String(decoding: text, as: UTF8.self)
            return ("", [])
        }
        held = String(decoding: text[(end - first)...], as: UTF8.self)
        return (String(decoding: text[..<(end - first)], as: UTF8.self), pass(to: end).filter { $0.end > first }.map(\.probability))
    }

    /// What still waits at the end: the token that a stop string cut is told with what is left of it.
    mutating func finish() -> (text: String, tokens: [TokenProbability]) {
        defer { held = "" }
        guard !held.isEmpty, let place = Self.find(Array(held.utf8), in: raw) else { return (held, []) }
        let token = said.first { $0.end > begin + place.lowerBound }
        return (held, token.map { [$0.probability] } ?? [])
    }

    private mutating func pass(to end: Int) -> [Said] {
        let passed = said.prefix { $0.end <= end }
        said.removeFirst(passed.count)
        raw.removeFirst(end - begin)
        begin = end
        return Array(passed)
    }

    private mutating func passAll() -> [TokenProbability] {
        held = ""
        return pass(to: begin + raw.count).map(\.probability)
    }

    private static func find(_ part: [UInt8], in whole: [UInt8]) -> Range<Int>? {
        guard part.count <= whole.count else { return nil }
        let start = (0...(whole.count - part.count)).first { whole[$0..<($0 + part.count)].elementsEqual(part) }
        return start.map { $0..<($0 + part.count) }
    }
}
