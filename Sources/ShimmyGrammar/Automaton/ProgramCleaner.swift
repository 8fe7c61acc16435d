/// Removes links, which read nothing, and dead ends from the nodes of a program.
struct ProgramCleaner {
    let regions: [LengthRegion]
    let memberSets: [MemberSet]
    let budget: GrammarBudget

    func clean(nodes: [GrammarProgram.Node], links: [[Int32]], start: Int32, controls: [String]) throws(GrammarTextError) -> GrammarProgram {
        var nodes = try withoutLinks(nodes, links, start)
        let productive = try reaching(nodes) { node, known in
            node.isEnd || node.edges.contains { known[Int($0.target)] } || node.controls.contains { known[Int($0.target)] }
                || node.calls.contains { known[Int($0.returnsTo)] && ($0.least == 0 || known[Int($0.body)]) }
                || node.leaves >= 0 && known[Int(node.leaves)] || node.entries.contains { known[Int(regions[Int($0)].firstNode)] }
                || node.beginsMembers >= 0 && memberSets[Int(node.beginsMembers)].isProductive { known[Int($0)] }
                || node.nextMember >= 0 && memberSets[Int(node.nextMember)].starts.contains { known[Int($0)] }
        }
        guard productive[Int(start)] else { throw GrammarTextError("no text matches the grammar") }
        for index in nodes.indices {
            nodes[index].edges.removeAll { !productive[Int($0.target)] }
            nodes[index].controls.removeAll { !productive[Int($0.target)] }
            nodes[index].calls.removeAll { !productive[Int($0.returnsTo)] || !productive[Int($0.body)] }
            nodes[index].entries.removeAll { !productive[Int(regions[Int($0)].firstNode)] }
            if nodes[index].leaves >= 0, !productive[Int(nodes[index].leaves)] { nodes[index].leaves = -1 }
        }
        try refuseLeftRecursion(nodes)
        let sets = memberSets.map { $0.keeping { productive[Int($0)] } }
        return GrammarProgram(nodes: nodes, start: start, controls: controls, regions: regions, memberSets: sets)
    }

    /// Returns each node merged with the nodes that its links reach; unreachable nodes become empty.
    private func withoutLinks(
        _ nodes: [GrammarProgram.Node], _ links: [[Int32]], _ start: Int32
    ) throws(GrammarTextError) -> [GrammarProgram.Node] {
        var result = [GrammarProgram.Node](repeating: .init(), count: nodes.count)
        var isKnown = [Bool](repeating: false, count: nodes.count)
        var mark = [Int32](repeating: -1, count: nodes.count)
        var pending = [start]
        isKnown[Int(start)] = true
        var (size, count) = (0, 0)
        while let node = pending.popLast() {
            var merged = GrammarProgram.Node()
            (merged.countedState, merged.leaves) = (nodes[Int(node)].countedState, nodes[Int(node)].leaves)
            merged.endsCharacter = nodes[Int(node)].endsCharacter
            (merged.beginsMembers, merged.nextMember) = (nodes[Int(node)].beginsMembers, nodes[Int(node)].nextMember)
            var open = [node]
            mark[Int(node)] = node
            while let part = open.popLast() {
                count += 1
                if count.isMultiple(of: 4096) { try budget.check() }
                let source = nodes[Int(part)]
                merged.edges += source.edges
                merged.controls += source.controls
                merged.calls += source.calls
                merged.entries += source.entries
                merged.isEnd = merged.isEnd || source.isEnd
                for next in links[Int(part)] where mark[Int(next)] != node {
                    mark[Int(next)] = node
                    open.append(next)
                }
            }
            size += merged.edges.count * 12 + merged.calls.count * 16 + 128
            try budget.check(memory: size * 2)
            result[Int(node)] = merged
            var reached = merged.edges.map(\.target) + merged.controls.map(\.target) + merged.calls.flatMap { [$0.body, $0.returnsTo] }
            reached += merged.entries.map { regions[Int($0)].firstNode }
            if merged.leaves >= 0 { reached.append(merged.leaves) }
            if merged.beginsMembers >= 0 {
                let set = memberSets[Int(merged.beginsMembers)]
                reached += set.starts + [set.separator]
            }
            for next in reached where !isKnown[Int(next)] {
                isKnown[Int(next)] = true
                pending.append(next)
            }
        }
        return result
    }

    /// Returns the first nodes of the members that may come first, or next, at a node.
    private func starts(of node: GrammarProgram.Node) -> [Int32] {
        let set = max(node.beginsMembers, node.nextMember)
        return set < 0 ? [] : memberSets[Int(set)].starts
    }

    /// Returns the smallest set of nodes that satisfies a condition which depends on the nodes that each node leads to.
    private func reaching(
        _ nodes: [GrammarProgram.Node], _ holds: (GrammarProgram.Node, [Bool]) -> Bool
    ) throws(GrammarTextError) -> [Bool] {
        var result = [Bool](repeating: false, count: nodes.count)
        var users = [[Int32]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            if index.isMultiple(of: 4096) { try budget.check() }
            func use(_ target: Int32) { if target >= 0, users[Int(target)].last != Int32(index) { users[Int(target)].append(Int32(index)) } }
            for edge in node.edges { use(edge.target) }
            for edge in node.controls { use(edge.target) }
            for call in node.calls {
                use(call.body)
                use(call.returnsTo)
            }
            for entry in node.entries { use(regions[Int(entry)].firstNode) }
            use(node.leaves)
            starts(of: node).forEach(use)
        }
        var open = Array(nodes.indices.map { Int32($0) })
        var count = 0
        while let index = open.popLast() {
            count += 1
            // A node can have many calls, and each node that they lead to tests it again.
            if count.isMultiple(of: 16) { try budget.check() }
            guard !result[Int(index)], holds(nodes[Int(index)], result) else { continue }
            result[Int(index)] = true
            open += users[Int(index)]
        }
        return result
    }

    /// Throws when a rule begins with itself: the program would call it endlessly.
    private func refuseLeftRecursion(_ nodes: [GrammarProgram.Node]) throws(GrammarTextError) {
        /// Returns the node after a region whose automaton accepts the empty text; -1 for other regions.
        func leftEmpty(_ region: LengthRegion) -> Int32 { region.least == 0 ? nodes[Int(region.firstNode)].leaves : -1 }
        let empty = try reaching(nodes) { node, known in
            node.isEnd || node.calls.contains { known[Int($0.returnsTo)] && ($0.least == 0 || known[Int($0.body)]) }
                || node.entries.contains { leftEmpty(regions[Int($0)]) >= 0 && known[Int(leftEmpty(regions[Int($0)]))] }
        }
        // Depth-first search over the nodes that are reached without reading. A cycle through a body is a left recursion.
        var color = [UInt8](repeating: 0, count: nodes.count)
        var place = [Int32](repeating: 0, count: nodes.count)
        var count = 0
        for root in nodes.indices where color[root] == 0 {
            var path: [(node: Int, next: Int, entersBody: Bool)] = [(root, 0, false)]
            // The number of bodies entered up to each index of the path.
            var bodies = [0]
            color[root] = 1
            place[root] = 0
            while let (node, next, _) = path.last {
                count += 1
                if count.isMultiple(of: 4096) { try budget.check() }
                let (calls, entries, members) = (nodes[node].calls, nodes[node].entries, starts(of: nodes[node]))
                // Each call has two successors: its body, and the node after it if the body may be empty.
                guard next < calls.count * 2 + entries.count + members.count else {
                    color[node] = 2
                    path.removeLast()
                    bodies.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                var target = -1
                var entersBody = false
                if next < calls.count * 2 {
                    let call = calls[next / 2]
                    entersBody = next.isMultiple(of: 2)
                    if entersBody || call.least == 0 || empty[Int(call.body)] { target = Int(entersBody ? call.body : call.returnsTo) }
                } else if next < calls.count * 2 + entries.count {
                    target = Int(leftEmpty(regions[Int(entries[next - calls.count * 2])]))
                } else {
                    entersBody = true
                    target = Int(members[next - calls.count * 2 - entries.count])
                }
                if target < 0 { continue }
                if color[target] == 0 {
                    color[target] = 1
                    place[target] = Int32(path.count)
                    path.append((target, 0, entersBody))
                    bodies.append((bodies.last ?? 0) + (entersBody ? 1 : 0))
                } else if color[target] == 1, entersBody || (bodies.last ?? 0) > bodies[Int(place[target])] {
                    throw GrammarTextError("a rule is left-recursive, which is not supported")
                }
            }
        }
    }
}
