package import ShimmyCore

/// Tokens in, text out: pieces, then stop strings, then whole characters.
package struct Detokenizer {
    package struct Output: Equatable {
        package var text: String
        /// Tokens taken in until a stop string was complete, or all of them.
        package var tokens: Int
        package var stopped: Bool
    }

    private let vocabulary: any Vocabulary
    private var stops: StopMatcher
    private var characters = UTF8Buffer()

    package init(vocabulary: any Vocabulary, stops: [String]) {
        self.vocabulary = vocabulary
        self.stops = StopMatcher(stops)
    }

    package mutating func push(_ tokens: [Token]) -> Output {
        var text = ""
        for (index, token) in tokens.enumerated() {
            let output = stops.push(vocabulary.piece(of: token))
            text += characters.push(output.bytes)
            if output.stopped { return Output(text: text + characters.finish(), tokens: index + 1, stopped: true) }
        }
        return Output(text: text, tokens: tokens.count, stopped: false)
    }

    /// What was held back until the end.
    package mutating func finish() -> String { characters.push(stops.finish()) + characters.finish() }
}
