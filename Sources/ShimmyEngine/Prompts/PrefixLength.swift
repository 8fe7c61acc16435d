/// The length of a prefix: its cells, and the positions that they have. For text both are the number of tokens. A media segment may have fewer
/// positions than cells.
package struct PrefixLength: Hashable, Sendable, ExpressibleByIntegerLiteral {
    package var cells: Int
    package var positions: Int

    package init(cells: Int, positions: Int) {
        self.cells = cells
        self.positions = positions
    }

    /// Creates the length of a prefix of text alone.
    package init(tokens: Int) { self.init(cells: tokens, positions: tokens) }

    /// Creates the length of a prefix of text alone.
    package init(integerLiteral tokens: Int) { self.init(tokens: tokens) }

    /// Returns the length of a prefix that has `tokens` more tokens.
    package func adding(tokens: Int) -> PrefixLength { PrefixLength(cells: cells + tokens, positions: positions + tokens) }
}
