/// Consecutive cells of a media segment.
package struct MediaCells: Hashable, Sendable {
    package let segment: MediaSegment
    /// The indices of the cells in the segment; not empty.
    package let cells: Range<Int>

    package init(_ segment: MediaSegment, cells: Range<Int>) {
        precondition(!cells.isEmpty && cells.lowerBound >= 0 && cells.upperBound <= segment.cells)
        self.segment = segment
        self.cells = cells
    }

    package var units: [PromptUnit] { cells.map { PromptUnit(segment, cell: $0) } }
}
