/// A set of positions in insertion order. It is usually small; hashing does not pay off below about two dozen.
struct PositionSet {
    private(set) var positions: [UInt64] = []
    private var hashed: Set<UInt64> = []

    mutating func insert(_ position: UInt64) {
        if hashed.isEmpty {
            if positions.contains(position) { return }
            positions.append(position)
            if positions.count > 24 { hashed = Set(positions) }
        } else if hashed.insert(position).inserted {
            positions.append(position)
        }
    }
}
