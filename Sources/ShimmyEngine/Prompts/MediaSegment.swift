/// A piece of media in a prompt, such as an image, after the model's encoder has turned it into the contents of cells.
package struct MediaSegment: Hashable, Sendable {
    /// A cryptographic hash of everything that the cells depend on: the media and how the encoder processes them. Clients choose the media, and
    /// segments with equal hashes share cells.
    package struct ContentHash: Hashable, Sendable {
        package let high: UInt64
        package let low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    package let contentHash: ContentHash
    /// The number of cells that the segment fills.
    package let cells: Int
    /// The number of positions by which the segment advances the tokens after it. Models with several dimensions of positions give many cells of an
    /// image the same position.
    package let positions: Int
    /// Whether the cells can be computed in parts, and a part of them reused, as those of text. Otherwise the cells are computed in one step, since
    /// they attend to each other or have positions of their own.
    package let isDivisible: Bool

    /// Creates a segment.
    /// - isDivisible: only for a segment with as many positions as cells.
    package init(contentHash: ContentHash, cells: Int, positions: Int, isDivisible: Bool = false) {
        precondition(cells > 0 && positions > 0 && (!isDivisible || positions == cells))
        self.contentHash = contentHash
        self.cells = cells
        self.positions = positions
        self.isDivisible = isDivisible
    }

    /// The units of all cells, in order.
    package var units: [PromptUnit] { (0..<cells).map { PromptUnit(self, cell: $0) } }
}

extension PromptUnit {
    /// Creates the unit of one cell of a segment.
    init(_ segment: MediaSegment, cell: Int) {
        let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
        let index = UInt64(cell) &* factor &+ UInt64(segment.cells) &* 0xd6e8_feb8_6659_fd93 &+ UInt64(segment.positions)
        let hash = Self.mixed(segment.contentHash.low ^ Self.mixed(segment.contentHash.high &+ index))
        self.init(rawValue: Int64(bitPattern: hash | 1 << 63))
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
        var number = (number ^ number >> 32) &* 0xd6e8_feb8_6659_fd93
        number = (number ^ number >> 29) &* 0x9e37_79b9_7f4a_7c15
        return number ^ number >> 32
    }
}
