extension Scheduler {
    /// Returns the largest runs of cells that slots share, in the order in which they were made.
    package func cellSegments(atMost count: Int) -> [CellSegment] {
        var owners: [Int: String] = [:]
        for sequence in running { if let slot = sequence.slot { owners[slot] = sequence.owner.name } }
        let largest = cache.segments(ownedBy: owners).sorted { ($1.cells, $0.id) < ($0.cells, $1.id) }.prefix(count)
        return largest.sorted { $0.id < $1.id }
    }
}
