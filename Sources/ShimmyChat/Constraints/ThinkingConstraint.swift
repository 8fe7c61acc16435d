package import ShimmyCore
package import ShimmyEngine

/// Ends a model's thinking when it has used its budget, and keeps a grammar that waits for a trigger from finding it in a thought.
package final class ThinkingConstraint: TokenConstraint {
    package struct Settings: Sendable {
        var tags: ThinkingTags
        /// See `ThinkingTracker`.
        var prefix: String
        /// Tokens of thinking at most; nil for any number.
        var budget: Int?
        /// Whether the grammar says nothing of thinking.
        var grammarWaits: Bool

        package init(tags: ThinkingTags, prefix: String, budget: Int?, grammarWaits: Bool) {
            self.tags = tags
            self.prefix = prefix
            self.budget = budget
            self.grammarWaits = grammarWaits
        }
    }

    private let vocabulary: any Vocabulary
    private let settings: Settings
    private let grammar: (any TokenConstraint)?
    private var tracker: ThinkingTracker
    private var used = 0
    /// What still has to be said to end the thinking.
    private var ending: ArraySlice<Token> = []

    package init(_ settings: Settings, grammar: (any TokenConstraint)?, vocabulary: any Vocabulary) {
        self.settings = settings
        self.grammar = grammar
        self.vocabulary = vocabulary
        tracker = ThinkingTracker(settings.tags, prefix: settings.prefix)
        endWhenUsedUp()
    }

    private var grammarHolds: Bool { !(settings.grammarWaits && tracker.isThinking) }

    package var forced: [Token] {
        guard let token = ending.first else { return grammarHolds ? grammar?.forced ?? [] : [] }
        return mask?.contains(token) == false ? [] : [token]
    }

    package var mask: TokenMask? { grammarHolds ? grammar?.mask : nil }

    package func prepare(until deadline: ContinuousClock.Instant) -> Bool { grammarHolds ? grammar?.prepare(until: deadline) ?? true : true }

    package func accept(_ token: Token) {
        if grammarHolds { grammar?.accept(token) }
        if token == ending.first { ending.removeFirst() }
        tracker.push(vocabulary.piece(of: token, special: true))
        guard tracker.isThinking else { return }
        used += 1
        endWhenUsedUp()
    }

    private func endWhenUsedUp() {
        guard let budget = settings.budget, tracker.isThinking, used >= budget, ending.isEmpty, !tracker.endsWithinCharacter else { return }
        let tag = settings.tags.ends[0]
        // Tags like </think> stand in lines of their own.
        let text = tag.hasPrefix("</") ? "\n\(tag)\n\n" : tag
        ending = vocabulary.tokenize(text, addSpecial: false, parseSpecial: true)[...]
    }
}

/// Makes a `ThinkingConstraint` for each sequence of a request.
struct ThinkingSource: ConstraintSource {
    let settings: ThinkingConstraint.Settings
    let grammar: (any ConstraintSource)?
    let vocabulary: any Vocabulary

    func makeConstraint() -> any TokenConstraint {
        ThinkingConstraint(settings, grammar: grammar?.makeConstraint(), vocabulary: vocabulary)
    }
}
