/// A run of cells that the same slots share, for people who watch the engine: a node of the prefix tree.
package struct CellSegment: Codable, Sendable, Equatable {
    /// The max number of segments in the statistics.
    static let most = 256
    /// The max number of owners of a segment.
    static let mostOwners = 4

    /// The number of the node. It is the same as long as the node exists.
    package let id: Int
    /// The segment that precedes this one in all its slots; nil at the beginning of a prompt. It can be missing among the largest ones.
    package let parent: Int?
    package let cells: Int
    /// The number of slots that share the cells, of running sequences and of idle prefixes.
    package let slots: Int
    /// The number of running sequences among them; 0 if the cells can be evicted.
    package let running: Int
    /// The owners of the running sequences, at most `mostOwners`.
    package let owners: [String]

    init(id: Int, parent: Int?, cells: Int, slots: Int, running: Int, owners: [String]) {
        self.id = id
        self.parent = parent
        self.cells = cells
        self.slots = slots
        self.running = running
        self.owners = Array(owners.prefix(Self.mostOwners))
    }
}
