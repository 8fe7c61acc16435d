/// A set of byte strings that finds its members at a place of a text.
struct ByteTrie: Sendable {
    private struct Node: Sendable {
        var next: [UInt8: Int32] = [:]
        /// The value of the string that ends here.
        var value: Int32?
    }

    private var nodes = [Node()]
    /// Whether a member begins with a byte: in most places of a text none does.
    private var begins = [Bool](repeating: false, count: 256)

    /// Keeps the first of two values for the same string. Ignores the empty string.
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

    /// What a text has at a place.
    struct Match: Equatable {
        /// The value and the end of the longest member that begins at the place; nil for none.
        var member: (value: Int32, end: Int)?
        /// The end of the longest beginning of a member at the place.
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
}
