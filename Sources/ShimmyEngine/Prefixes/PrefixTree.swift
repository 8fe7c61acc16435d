import ShimmyCore

/// A radix tree of the prefixes whose cells are in the KV cache, and of the slots that use them.
///
/// Each node is a run of units that the cache contains once, however many slots share them. A slot is a path from the root. Units that it
/// computes are appended to the path's last node while no other slot uses that node, and become a new child otherwise. A node exists as long as the
/// path of any slot contains it. The number of cells in use is the sum over all nodes.
///
/// Units that were computed with different adapters never share a prefix: each adapter set has its own roots.
///
/// Nodes are numbers in a table, not objects, so that the tree, and the scheduler with it, is a value.
struct PrefixTree {
    private struct Node {
        var units: [PromptUnit]
        var parent: Int?
        /// The children by first unit. A unit can have several: slots that compute the same units at the same time have separate nodes.
        var children: [PromptUnit: [Int]] = [:]
        /// The slots whose paths contain the node.
        var slots: Set<Int>
    }

    private struct Path {
        /// The nodes from the root on. A path always ends at the end of its last node.
        var nodes: [Int] = []
        var count = 0
        /// The adapters that the path's units are computed with.
        var adapters = AdapterSet.none
    }

    private var nodes: [Int: Node] = [:]
    /// The children of the empty prefix, by adapter set. A set without units in any slot has no entry.
    private var roots: [AdapterSet: [PromptUnit: [Int]]] = [:]
    private var paths: [Path]
    private var nextNode = 0
    private(set) var cellsUsed = 0

    init(slots: Int) { paths = Array(repeating: Path(), count: slots) }

    /// Returns the number of units in a slot.
    func count(slot: Int) -> Int { paths[slot].count }

    func adapters(slot: Int) -> AdapterSet { paths[slot].adapters }

    func units(slot: Int) -> [PromptUnit] { paths[slot].nodes.flatMap { nodes[$0]?.units ?? [] } }

    /// Returns the number of cells that are used by at least one of the slots for which `isMember` returns true.
    func cells(heldBy isMember: (Int) -> Bool) -> Int {
        nodes.values.reduce(0) { $0 + ($1.slots.contains(where: isMember) ? $1.units.count : 0) }
    }

    /// Returns the nodes as runs of cells.
    /// - owners: the owners of running sequences by their slot.
    func segments(ownedBy owners: [Int: String]) -> [CellSegment] {
        nodes.map { id, node in
            let running = node.slots.sorted().compactMap { owners[$0] }
            return CellSegment(
                id: id, parent: node.parent, cells: node.units.count, slots: node.slots.count, running: running.count, owners: Set(running).sorted())
        }
    }

    // MARK: Looking up

    /// A cached prefix and a slot that contains it.
    struct Match: Equatable {
        var slot: Int
        var count: Int
        /// The unit that follows in the cache, where the cache continues differently; nil where the cache ends.
        var next: PromptUnit?
    }

    /// Returns the longest prefix of `units` that is in the cache; nil when not even the first unit is.
    func longestMatch(_ units: [PromptUnit], with adapters: AdapterSet) -> Match? {
        var best: Match?
        var open: [(children: [PromptUnit: [Int]], depth: Int)] = [(roots[adapters] ?? [:], 0)]
        while let (children, depth) = open.popLast() {
            guard depth < units.count else { continue }
            for id in children[units[depth]] ?? [] {
                guard let node = nodes[id], let slot = node.slots.min() else { continue }
                let common = node.units.countInCommon(with: units[depth...])
                if depth + common > best?.count ?? 0 {
                    let next = common < node.units.count ? node.units[common] : node.children.keys.first
                    best = Match(slot: slot, count: depth + common, next: next)
                }
                if common == node.units.count { open.append((node.children, depth + common)) }
            }
        }
        return best
    }

    /// Returns the slot with the most units, at most `limit`, all of which `units` begin with; nil for none.
    func longestWhole(_ units: [PromptUnit], with adapters: AdapterSet, atMost limit: Int) -> Match? {
        let candidates = paths.indices.filter { paths[$0].count > 0 && paths[$0].count <= limit && paths[$0].adapters == adapters }
        for slot in candidates.sorted(by: { paths[$0].count > paths[$1].count }) where begins(units, withSlot: slot) {
            return Match(slot: slot, count: paths[slot].count)
        }
        return nil
    }

    private func begins(_ units: [PromptUnit], withSlot slot: Int) -> Bool {
        var depth = 0
        for id in paths[slot].nodes {
            guard let node = nodes[id], units[depth...].starts(with: node.units) else { return false }
            depth += node.units.count
        }
        return true
    }

    // MARK: Changing

    /// Sets the adapters that an empty slot's units will be computed with.
    mutating func dedicate(slot: Int, to adapters: AdapterSet) {
        precondition(paths[slot].count == 0)
        paths[slot].adapters = adapters
    }

    /// Makes an empty slot share the first `count` units of another one, in the same cells.
    mutating func share(from source: Int, to slot: Int, count: Int) {
        precondition(paths[slot].count == 0 && count <= paths[source].count && source != slot)
        paths[slot].adapters = paths[source].adapters
        var remaining = count
        for id in paths[source].nodes where remaining > 0 {
            let length = nodes[id]!.units.count
            if length > remaining { split(id, at: remaining) }
            nodes[id]!.slots.insert(slot)
            paths[slot].nodes.append(id)
            remaining -= min(length, remaining)
        }
        paths[slot].count = count
    }

    /// Appends units that a slot has computed.
    mutating func append(_ units: ArraySlice<PromptUnit>, to slot: Int) {
        guard !units.isEmpty else { return }
        cellsUsed += units.count
        paths[slot].count += units.count
        // The slot is one of the node's slots, because the node is in its path.
        if let last = paths[slot].nodes.last, nodes[last]!.slots.count == 1 {
            nodes[last]!.units += units
            return
        }
        let id = nextNode
        nextNode += 1
        let parent = paths[slot].nodes.last
        nodes[id] = Node(units: Array(units), parent: parent, slots: [slot])
        link(id, below: parent, with: paths[slot].adapters)
        paths[slot].nodes.append(id)
    }

    /// Keeps only the first `count` units of a slot.
    mutating func truncate(slot: Int, to count: Int) {
        precondition(count <= paths[slot].count)
        while let last = paths[slot].nodes.last, paths[slot].count > count {
            let length = nodes[last]!.units.count
            let excess = paths[slot].count - count
            if excess < length { split(last, at: length - excess) }
            // After a split, the second part is the path's new last node.
            let dropped = paths[slot].nodes.removeLast()
            paths[slot].count -= nodes[dropped]!.units.count
            leave(dropped, slot: slot)
        }
    }

    /// Splits a node in two: the first part keeps the number, the second becomes its only child. No cell changes.
    private mutating func split(_ id: Int, at position: Int) {
        let tail = nextNode
        nextNode += 1
        var head = nodes[id]!
        let tailNode = Node(units: Array(head.units[position...]), parent: id, children: head.children, slots: head.slots)
        for child in head.children.values.joined() { nodes[child]!.parent = tail }
        head.units.removeSubrange(position...)
        head.children = [tailNode.units[0]: [tail]]
        nodes[id] = head
        nodes[tail] = tailNode
        for slot in head.slots {
            let index = paths[slot].nodes.firstIndex(of: id)!
            paths[slot].nodes.insert(tail, at: index + 1)
        }
    }

    private mutating func leave(_ id: Int, slot: Int) {
        nodes[id]!.slots.remove(slot)
        guard nodes[id]!.slots.isEmpty, let node = nodes[id] else { return }
        cellsUsed -= node.units.count
        unlink(id, below: node.parent, with: paths[slot].adapters)
        nodes[id] = nil
    }

    private mutating func link(_ id: Int, below parent: Int?, with adapters: AdapterSet) {
        let first = nodes[id]!.units[0]
        if let parent {
            nodes[parent]!.children[first, default: []].append(id)
        } else {
            roots[adapters, default: [:]][first, default: []].append(id)
        }
    }

    private mutating func unlink(_ id: Int, below parent: Int?, with adapters: AdapterSet) {
        let first = nodes[id]!.units[0]
        func without(_ list: [Int]?) -> [Int]? {
            let rest = (list ?? []).filter { $0 != id }
            return rest.isEmpty ? nil : rest
        }
        if let parent {
            nodes[parent]!.children[first] = without(nodes[parent]!.children[first])
        } else {
            let rest = without(roots[adapters]?[first])
            roots[adapters]?[first] = rest
            if roots[adapters]?.isEmpty == true { roots[adapters] = nil }
        }
    }

    // MARK: Invariants

    /// Whether paths, nodes and sums agree. The check takes time proportional to the number of nodes and slots, whatever their length.
    var isConsistent: Bool {
        let total = nodes.values.reduce(0) { $0 + $1.units.count }
        let pathsAgree = paths.indices.allSatisfy { slot in
            let path = paths[slot]
            var parent: Int?
            for id in path.nodes {
                guard let node = nodes[id], node.parent == parent, node.slots.contains(slot), !node.units.isEmpty else { return false }
                parent = id
            }
            return path.count == path.nodes.reduce(0) { $0 + (nodes[$1]?.units.count ?? 0) }
        }
        let slotsAgree = nodes.allSatisfy { id, node in
            !node.slots.isEmpty && node.slots.allSatisfy { paths[$0].nodes.contains(id) } && Set(node.slots.map { paths[$0].adapters }).count == 1
        }
        let linksAgree = nodes.allSatisfy { id, node in
            let adapters = node.slots.first.map { paths[$0].adapters } ?? .none
            return (node.parent.map { nodes[$0]?.children ?? [:] } ?? roots[adapters] ?? [:])[node.units[0]]?.contains(id) == true
        }
        return total == cellsUsed && pathsAgree && slotsAgree && linksAgree
    }
}
