/// A tree that keeps the smallest of many keys: one change takes time in proportion to the logarithm of their number.
package struct TournamentTree<Key: Comparable & Sendable>: Sendable {
    /// The keys by index; nil for an index that takes no part.
    private var keys: [Key?]
    /// The index of the smallest key below each inner node. Node 1 is the root, and the children of `n` are `2n` and `2n + 1`.
    private var winners: [Int]
    private let width: Int

    package init(count: Int) {
        var width = 1
        while width < count { width *= 2 }
        self.width = width
        keys = Array(repeating: nil, count: width)
        winners = Array(repeating: 0, count: width)
        // Without keys, any index wins: the first one below each node.
        for node in stride(from: width - 1, to: 0, by: -1) { winners[node] = winner(of: 2 * node) }
    }

    package subscript(index: Int) -> Key? {
        get { keys[index] }
        set {
            keys[index] = newValue
            var node = (width + index) / 2
            while node > 0 {
                let (left, right) = (winner(of: 2 * node), winner(of: 2 * node + 1))
                winners[node] = precedes(right, left) ? right : left
                node /= 2
            }
        }
    }

    /// The index of the smallest key; the smallest index among equals, nil without keys.
    package var first: Int? {
        let index = winner(of: 1)
        return keys[index] == nil ? nil : index
    }

    /// Returns the indices of the smallest keys in their order.
    package func smallest(_ limit: Int) -> [Int] {
        var found: [Int] = []
        // The nodes that together contain all other indices.
        var open = [1]
        while found.count < limit, let next = open.indices.min(by: { precedes(winner(of: open[$0]), winner(of: open[$1])) }) {
            var node = open.remove(at: next)
            let index = winner(of: node)
            guard keys[index] != nil else { break }
            found.append(index)
            while node < width {
                let isLeft = winner(of: 2 * node) == index
                open.append(isLeft ? 2 * node + 1 : 2 * node)
                node = isLeft ? 2 * node : 2 * node + 1
            }
        }
        return found
    }

    private func winner(of node: Int) -> Int { node >= width ? node - width : winners[node] }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        switch (keys[a], keys[b]) {
        case (let first?, let second?): first < second || (!(second < first) && a < b)
        case (_?, nil): true
        case (nil, _): false
        }
    }
}
