package import ShimmyCore

/// Converts tokens to text: first to pieces, then through the stop strings, then to whole characters.
package struct Detokenizer: Sendable {
    package struct Output: Equatable {
        package var text: String
        /// The number of tokens read until a stop string was complete, or of all tokens.
        package var tokens: Int
        package var stopped: Bool
    }

    private let vocabulary: any Vocabulary
    private let preserved: Set<Token>
    private var stops: StopMatcher
    private var characters = UTF8Buffer()

    /// Creates a detokenizer.
    /// - preserved: control tokens whose texts belong to the answer.
    package init(vocabulary: any Vocabulary, stops: [String], preserved: Set<Token> = []) {
        self.vocabulary = vocabulary
        self.preserved = preserved
        self.stops = StopMatcher(stops)
    }

    package mutating func push(_ tokens: some Sequence<Token>) -> Output {
        var text = ""
        var count = 0
        for token in tokens {
            count += 1
            let output = stops.push(vocabulary.piece(of: token, special: preserved.contains(token)))
            text += characters.push(output.bytes)
            if output.stopped { return Output(text: text, tokens: count, stopped: true) }
        }
        return Output(text: text, tokens: count, stopped: false)
    }

    /// The stop string that ended the text; nil before.
    package var foundStop: String? { stops.found }

    /// Returns the text that was held back until the end. An incomplete character, which a token limit cut off, is not part of the text.
    package mutating func finish() -> String { characters.push(stops.finish()) }

    /// The bytes of an incomplete character at the end of the text so far.
    package var incompleteCharacter: [UInt8] { characters.pending }
}
