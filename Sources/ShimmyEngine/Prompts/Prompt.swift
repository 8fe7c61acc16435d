package import ShimmyCore

/// A sequence of segments, text and media, as the contents of the cells that they fill.
///
/// All counts and indices are those of units, except in `PrefixLength`. The units are one array, so that prompts are compared quickly.
package struct Prompt: Hashable, Sendable {
    package enum Segment: Hashable, Sendable {
        case tokens([Token])
        case media(MediaSegment)
    }

    /// A media segment and the length of the prompt before it.
    package struct PlacedMedia: Hashable, Sendable {
        package let segment: MediaSegment
        package let start: PrefixLength

        /// The index after its last unit.
        package var end: Int { start.cells + segment.cells }
    }

    package private(set) var units: [PromptUnit]
    /// The media segments in order.
    package private(set) var media: [PlacedMedia] = []

    /// Creates a prompt of text.
    package init(_ tokens: [Token]) { units = tokens.map { PromptUnit($0) } }

    package init(_ segments: [Segment]) {
        units = []
        for segment in segments {
            switch segment {
            case .tokens(let tokens):
                units += tokens.lazy.map { PromptUnit($0) }
            case .media(let segment):
                media.append(PlacedMedia(segment: segment, start: length))
                units += segment.units
            }
        }
    }

    package var count: Int { units.count }
    package var isEmpty: Bool { units.isEmpty }
    /// The tokens of all text segments.
    package var tokens: [Token] { units.compactMap(\.token) }
    package var length: PrefixLength { length(of: count) }

    package mutating func append(_ token: Token) { units.append(PromptUnit(token)) }

    /// Returns the length of the prefix of `count` units.
    package func length(of count: Int) -> PrefixLength {
        guard let last = media.last(where: { $0.start.cells < count }) else { return PrefixLength(tokens: count) }
        let within = min(count - last.start.cells, last.segment.cells)
        let positions = within == last.segment.cells ? last.segment.positions : min(within, last.segment.positions)
        return PrefixLength(cells: count, positions: last.start.positions + positions + (count - last.start.cells - within))
    }

    // MARK: Parts

    /// Returns the greatest number of units, at most `count`, after which the prompt can be divided.
    package func boundary(atMost count: Int) -> Int {
        media.first { !$0.segment.isDivisible && $0.start.cells < count && count < $0.end }?.start.cells ?? count
    }

    /// Returns how many units from `index` on can be one chunk: at most `limit`, either text or cells of one media segment. A segment that cannot be
    /// divided counts as a whole, even beyond `limit`.
    func chunkCount(from index: Int, atMost limit: Int) -> Int {
        guard let next = media.first(where: { index < $0.end }) else { return min(limit, count - index) }
        if index < next.start.cells { return min(limit, next.start.cells - index) }
        return next.segment.isDivisible ? min(limit, next.end - index) : next.end - index
    }

    /// Returns the units of a range that is one chunk.
    func content(of range: Range<Int>) -> Batch.Chunk.Content {
        if let placed = media.first(where: { range.lowerBound < $0.end }), placed.start.cells <= range.lowerBound {
            let first = range.lowerBound - placed.start.cells
            return .media(MediaCells(placed.segment, cells: first..<first + range.count))
        }
        return .tokens(tokens(in: range))
    }

    /// Returns the tokens of a range of text.
    func tokens(in range: Range<Int>) -> [Token] { units[range].compactMap(\.token) }

    /// The number of units of the longest segment that cannot be divided; 0 for none.
    var largestChunk: Int { media.lazy.filter { !$0.segment.isDivisible }.map(\.segment.cells).max() ?? 0 }
}
