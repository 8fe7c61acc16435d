/// A set of byte strings that finds its members at a given position of a text.
struct ByteTrie: Sendable {
    private struct Node: Sendable {
        var next: [UInt8: Int32] = [:]
        /// The value of the string that ends at this node; nil if none does.
        var value: Int32?
    }

    private var nodes = [Node()]
    /// Whether a member begins with a byte. At most positions of a text no member begins, so this saves the search.
    private var begins = [Bool](repeating: false, count: 256)

    /// Inserts a string. Keeps the first of two values for the same string. Ignores the empty string.
    mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) {
        var node = 0
        for byte in bytes {
            if node == 0 { begins[Int(byte)] = true }
            if let next = nodes[node].next[byte] {
                node = Int(next)
            } else {
                nodes.append(Node())
                nodes[node].next[byte] = Int32(nodes.count - 1)
                node = nodes.count - 1
            }
        }
        if node != 0, nodes[node].value == nil { nodes[node].value = value }
    }

    var isEmpty: Bool { nodes.count == 1 }

    /// Returns whether a member can begin with `byte`.
    func mayBegin(with byte: UInt8) -> Bool { begins[Int(byte)] }

    /// The result of a search at one position of a text.
    struct Match: Equatable {
        /// The value and the end of the longest member that begins at the position; nil for none.
        var member: (value: Int32, end: Int)?
        /// The end of the longest prefix of a member at the position.
        var reach: Int

        static func == (one: Match, other: Match) -> Bool {
            one.member?.value == other.member?.value && one.member?.end == other.member?.end && one.reach == other.reach
        }
    }

    func match(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Match {
        var match = Match(member: nil, reach: start)
        guard start < text.count, begins[Int(text[start])] else { return match }
        var node = 0
        while match.reach < text.count, let next = nodes[node].next[text[match.reach]] {
            node = Int(next)
            match.reach += 1
            if let value = nodes[node].value { match.member = (value, match.reach) }
        }
        return match
    }

    /// Calls `body` with the value and the end of each member that begins at `start`, from the shortest to the longest.
    func forEachMember(in text: UnsafeBufferPointer<UInt8>, at start: Int, _ body: (_ value: Int32, _ end: Int) -> Void) {
        guard start < text.count, begins[Int(text[start])] else { return }
        var (node, end) = (0, start)
        while end < text.count, let next = nodes[node].next[text[end]] {
            node = Int(next)
            end += 1
            if let value = nodes[node].value { body(value, end) }
        }
    }
}
