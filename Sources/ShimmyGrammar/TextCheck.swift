/// Checks texts that were not made under a grammar.
package enum TextCheck {
    /// Texts are read as bytes, so that no vocabulary is needed.
    private static let trie = TokenTrie(pieces: [], ends: [], controls: [:])
    /// The number of bytes between two checks of the budget.
    private static let pieceBytes = 16

    /// Returns whether a text fits a grammar, as far as that can be checked: every text fits a grammar that cannot be enforced, or whose check takes
    /// longer than the budget, and so does a text with more readings than the engine follows.
    /// - text: the bytes of the text, in UTF-8.
    /// - isCut: whether the text can be the beginning of a longer one that fits.
    package static func accepts(
        _ text: [UInt8], by definition: GrammarDefinition, isCut: Bool = false, budget: GrammarBudget = GrammarBudget()
    ) -> Bool {
        do throws(GrammarTextError) {
            var cursor = try CompiledGrammar(definition, trie: trie, budget: budget).begin()
            var rest = text[...]
            while !rest.isEmpty {
                try budget.check()
                guard cursor.advance(rest.prefix(pieceBytes)) else { return cursor.meetsLimit }
                rest = rest.dropFirst(pieceBytes)
            }
            return isCut || cursor.mayEnd
        } catch {
            return true
        }
    }
}
