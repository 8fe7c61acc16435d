package import ShimmyCore

/// The log probability of a content token, with its text and the most likely alternatives.
package struct TokenProbability: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        /// The bytes of the token, for some tokens only a part of a character.
        package var bytes: [UInt8]
        /// The natural logarithm of the probability; minus infinity for an impossible token.
        package var logprob: Float
        /// The token's id; nil if the backend does not report it.
        package var token: Token?

        package init(bytes: [UInt8], logprob: Float, token: Token? = nil) {
            self.bytes = bytes
            self.logprob = logprob
            self.token = token
        }
    }

    package var drawn: Entry
    package var top: [Entry]

    package init(drawn: Entry, top: [Entry] = []) {
        self.drawn = drawn
        self.top = top
    }
}

/// A token of the prompt of a text request.
package struct PromptToken: Sendable, Equatable {
    /// The bytes of the token as they occur in the text.
    package var bytes: [UInt8]
    /// The token's probability; nil for the first token, because nothing precedes it.
    package var probability: TokenProbability?

    package init(bytes: [UInt8], probability: TokenProbability?) {
        self.bytes = bytes
        self.probability = probability
    }
}

extension TokenProbability {
    init(_ logprobs: TokenLogprobs, _ vocabulary: any Vocabulary) {
        func entry(_ entry: TokenLogprobs.Entry) -> Entry {
            Entry(bytes: vocabulary.piece(of: entry.token, special: true), logprob: entry.logprob, token: entry.token)
        }
        self.init(drawn: entry(logprobs.drawn), top: logprobs.top.map(entry))
    }
}

/// Matches pieces of content to the tokens that produced them. The pieces differ from the texts of the tokens, because text is held back and formats
/// remove parts of it.
///
/// Excludes tokens of the reasoning, because the reasoning may contain the same words before the content does.
struct ContentProbabilities: Sendable {
    private struct Said {
        let probability: TokenProbability
        /// The end of the token's text, as a byte offset from the start of the generated text.
        var end: Int
    }

    private let vocabulary: any Vocabulary
    private var said: [Said] = []
    /// The bytes of the generated text that are not yet returned, from byte offset `begin` on.
    private var raw: [UInt8] = []
    private var begin = 0
    /// Content that ends within a token. It waits for the remaining text of the token, so that text and probabilities are returned together.
    private var held = ""
    /// Tracks the reasoning; nil if the format has none.
    private var tracker: ThinkingTracker?

    init(vocabulary: any Vocabulary, tracker: ThinkingTracker?) {
        self.vocabulary = vocabulary
        self.tracker = tracker
    }

    /// Whether all generated text is returned.
    var isEmpty: Bool { said.isEmpty && held.isEmpty }

    /// Adds a generated token.
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

    /// Removes the last `count` bytes, which were part of a tag.
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

    /// Returns the content up to the end of the last complete token, and its tokens.
    mutating func take(_ content: String) -> (text: String, tokens: [TokenProbability]) {
        let text = Array((held + content).utf8)
        // Invalid UTF-8 was decoded to U+FFFD and is not found in `raw`. The content then includes all pending tokens.
        guard let place = Self.find(text, in: raw) else { return (held + content, passAll()) }
        let (first, last) = (begin + place.lowerBound, begin + place.upperBound)
        // The last token that ends both in the text and at the end of a character.
        let ends = said.map(\.end).filter { $0 > first && $0 <= last }
        guard let end = ends.last(where: { String(validating: text[..<($0 - first)], as: UTF8.self) != nil }) else {
            held = String(decoding: text, as: UTF8.self)
            return ("", [])
        }
        held = String(decoding: text[(end - first)...], as: UTF8.self)
        return (String(decoding: text[..<(end - first)], as: UTF8.self), pass(to: end).filter { $0.end > first }.map(\.probability))
    }

    /// Returns the content that is still held back. A token that a stop string cut is returned with its remaining text.
    /// - incomplete: the bytes of an incomplete character at the end, which the text does not contain. Their tokens are returned nevertheless.
    mutating func finish(dropping incomplete: [UInt8] = []) -> (text: String, tokens: [TokenProbability]) {
        defer { held = "" }
        var last = begin
        var tokens: [TokenProbability] = []
        if !held.isEmpty, let place = Self.find(Array(held.utf8), in: raw), let token = said.first(where: { $0.end > begin + place.lowerBound }) {
            tokens.append(token.probability)
            last = token.end
        }
        if !incomplete.isEmpty, raw.suffix(incomplete.count).elementsEqual(incomplete) {
            let cut = max(last, begin + raw.count - incomplete.count)
            tokens += said.filter { $0.end > cut }.map(\.probability)
        }
        return (held, tokens)
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
