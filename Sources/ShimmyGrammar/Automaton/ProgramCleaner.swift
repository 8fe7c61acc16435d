/// Takes out of a program's nodes what need not or must not be there: edges that read nothing, and ways that lead nowhere.
enum ProgramCleaner {
    static func clean(
        nodes: [GrammarProgram.Node], links: [[Int32]], start: Int32, controls: [String]
    ) throws(GrammarTextError) -> GrammarProgram {
        var nodes = withoutLinks(nodes, links, start)
        let productive = productive(nodes)
        guard productive[Int(start)] else { throw GrammarTextError("no text fits the grammar") }
        for index in nodes.indices {
            nodes[index].edges.removeAll { !productive[Int($0.target)] }
            nodes[index].controls.removeAll { !productive[Int($0.target)] }
            nodes[index].calls.removeAll { !productive[Int($0.returnsTo)] || !productive[Int($0.body)] }
        }
        try refuseLeftRecursion(nodes)
        return GrammarProgram(nodes: nodes, start: start, controls: controls)
    }

    /// Each node with what the nodes have that it is linked to; those that cannot be reached are emptied.
    private static func withoutLinks(_ nodes: [GrammarProgram.Node], _ links: [[Int32]], _ start: Int32) -> [GrammarProgram.Node] {
        var result = [GrammarProgram.Node](repeating: .init(), count: nodes.count)
        var isKnown = [Bool](repeating: false, count: nodes.count)
        var mark = [Int32](repeating: -1, count: nodes.count)
        var pending = [start]
        isKnown[Int(start)] = true
        while let node = pending.popLast() {
            var merged = GrammarProgram.Node()
            var open = [node]
            mark[Int(node)] = node
            while let part = open.popLast() {
                let source = nodes[Int(part)]
                merged.edges += source.edges
                merged.controls += source.controls
                merged.calls += source.calls
                merged.isEnd = merged.isEnd || source.isEnd
                for next in links[Int(part)] where mark[Int(next)] != node {
                    mark[Int(next)] = node
                    open.append(next)
                }
            }
            result[Int(node)] = merged
            let reached = merged.edges.map(\.target) + merged.controls.map(\.target) + merged.calls.flatMap { [$0.body, $0.returnsTo] }
            for next in reached where !isKnown[Int(next)] {
                isKnown[Int(next)] = true
                pending.append(next)
            }
        }
        return result
    }

    /// Which nodes an end can be reached from.
    private static func productive(_ nodes: [GrammarProgram.Node]) -> [Bool] {
        var result = nodes.map(\.isEnd)
        var grows = true
        while grows {
            grows = false
            // Backwards, since most edges lead to nodes that were made later.
            for index in nodes.indices.reversed() where !result[index] {
                let node = nodes[index]
                let found =
                    node.edges.contains { result[Int($0.target)] } || node.controls.contains { result[Int($0.target)] }
                    || node.calls.contains { result[Int($0.returnsTo)] && ($0.least == 0 || result[Int($0.body)]) }
                if found {
                    result[index] = true
                    grows = true
                }
            }
        }
        return result
    }

    /// A rule that begins with itself would be called for ever.
    private static func refuseLeftRecursion(_ nodes: [GrammarProgram.Node]) throws(GrammarTextError) {
        let empty = nodesThatMayEnd(nodes)
        // Nodes that are reached without reading anything; a cycle that goes through a body is a recursion.
        var color = [UInt8](repeating: 0, count: nodes.count)
        for root in nodes.indices where color[root] == 0 {
            var path: [(node: Int, next: Int, entersBody: Bool)] = [(root, 0, false)]
            color[root] = 1
            while let (node, next, _) = path.last {
                let calls = nodes[node].calls
                // Two ways for each call: into its body, and past it where it may be empty.
                guard next < calls.count * 2 else {
                    color[node] = 2
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let call = calls[next / 2]
                let entersBody = next.isMultiple(of: 2)
                if !entersBody, call.least > 0, !empty[Int(call.body)] { continue }
                let target = Int(entersBody ? call.body : call.returnsTo)
                if color[target] == 0 {
                    color[target] = 1
                    path.append((target, 0, entersBody))
                } else if color[target] == 1, let first = path.firstIndex(where: { $0.node == target }),
                    entersBody || path[(first + 1)...].contains(where: \.entersBody)
                {
                    throw GrammarTextError("a rule begins with itself, which is not supported")
                }
            }
        }
    }

    private static func nodesThatMayEnd(_ nodes: [GrammarProgram.Node]) -> [Bool] {
        var result = nodes.map(\.isEnd)
        var grows = true
        while grows {
            grows = false
            for index in nodes.indices where !result[index] {
                if nodes[index].calls.contains(where: { result[Int($0.returnsTo)] && ($0.least == 0 || result[Int($0.body)]) }) {
                    result[index] = true
                    grows = true
                }
            }
        }
        return result
    }
}
