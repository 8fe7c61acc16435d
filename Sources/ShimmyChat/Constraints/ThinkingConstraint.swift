package import ShimmyCore
package import ShimmyEngine

/// A constraint that ends a model's reasoning when its budget is used up. It also hides reasoning from a grammar that waits for a trigger.
package final class ThinkingConstraint: TokenConstraint {
    package struct Settings: Sendable {
        var tags: ThinkingTags
        /// The end of the prompt that belongs to the answer's format. See `ThinkingTracker`.
        var prefix: String
        /// The maximum number of reasoning tokens; nil for no limit.
        var budget: Int?
        /// Whether the grammar does not describe reasoning, so that it is suspended until the reasoning ends.
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
    /// The remaining tokens of the forced text that ends the reasoning.
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
        if token == ending.first {
            ending.removeFirst()
        } else {
            // The mask of the grammar did not allow the forced token. The rest of the text must not follow once the model has ended its reasoning.
            ending = []
        }
        tracker.push(vocabulary.piece(of: token, special: true))
        guard tracker.isThinking else { return }
        used += 1
        endWhenUsedUp()
    }

    private func endWhenUsedUp() {
        guard let budget = settings.budget, tracker.isThinking, used >= budget, ending.isEmpty, !tracker.endsWithinCharacter else { return }
        let tag = settings.tags.ends[0]
        // Models write tags such as </think> on lines of their own.
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
