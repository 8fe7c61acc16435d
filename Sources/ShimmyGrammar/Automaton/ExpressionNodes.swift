/// The nondeterministic automaton of regular expressions: nodes, steps that read a character, and links that read nothing.
struct ExpressionNodes {
    private static let maximumNodes = 40_000

    let budget: GrammarBudget
    /// Whether texts that match no expression have a state too, so that they can get a label.
    var keepsOthers = false
    private var steps: [[(set: ScalarSet, target: Int32)]] = []
    private var links: [[Int32]] = []

    /// Creates the automaton with its start, node 0.
    init(_ budget: GrammarBudget) {
        self.budget = budget
        steps.append([])
        links.append([])
    }

    private mutating func node() throws(GrammarTextError) -> Int32 {
        if steps.count >= Self.maximumNodes {
            throw GrammarTextError("it needs an automaton of more than \(Self.maximumNodes) nodes", isLimit: true)
        }
        if steps.count.isMultiple(of: 1024) { try budget.check() }
        steps.append([])
        links.append([])
        return Int32(steps.count - 1)
    }

    private mutating func link(_ from: Int32, _ to: Int32) { links[Int(from)].append(to) }

    /// Adds an expression after the node `from` and returns the node after the expression. The parsers bound the depth of expressions.
    mutating func add(_ expression: Grammar.Expression, from: Int32) throws(GrammarTextError) -> Int32 {
        switch expression {
        case .literal(let bytes):
            var end = from
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars { end = try add(.set(ScalarSet(scalar)), from: end) }
            return end
        case .set(let set):
            let end = try node()
            steps[Int(from)].append((set, end))
            return end
        case .sequence(let parts):
            var end = from
            for part in parts { end = try add(part, from: end) }
            return end
        case .choice(let parts):
            let end = try node()
            for part in parts {
                let begin = try node()
                link(from, begin)
                link(try add(part, from: begin), end)
            }
            return end
        case .repeated(let body, let least, let most): return try add(repeated: body, least, most, from: from)
        case .rule, .control, .automaton, .unordered: throw GrammarTextError("an expression that refers to rules is not a regular expression")
        }
    }

    private mutating func add(repeated body: Grammar.Expression, _ least: Int, _ most: Int?, from: Int32) throws(GrammarTextError) -> Int32 {
        var end = from
        for count in 0..<least {
            let before = steps.count
            end = try add(body, from: end)
            // A body that added no nodes is empty; more repetitions add nothing.
            if steps.count == before, count > 0 { break }
        }
        let out = try node()
        if let most {
            for _ in 0..<max(0, most - least) {
                let begin = try node()
                link(end, begin)
                link(end, out)
                end = try add(body, from: begin)
            }
        } else {
            let head = try node()
            link(end, head)
            link(try add(body, from: head), head)
            end = head
        }
        link(end, out)
        return out
    }

    /// Returns the nodes that `nodes` reach without reading a character, themselves included, in ascending order.
    func closure(_ nodes: [Int32]) -> [Int32] {
        if nodes.allSatisfy({ links[Int($0)].isEmpty }) { return Array(Set(nodes)).sorted() }
        var result = Set(nodes)
        var open = nodes
        while let node = open.popLast() {
            for next in links[Int(node)] where result.insert(next).inserted { open.append(next) }
        }
        return result.sorted()
    }

    func step(_ nodes: [Int32]) throws(GrammarTextError) -> [(ClosedRange<UInt32>, [Int32])] {
        var events: [(at: UInt32, isBegin: Bool, target: Int32)] = []
        for node in nodes {
            for (set, target) in steps[Int(node)] {
                for range in set.ranges {
                    events.append((range.lowerBound, true, target))
                    events.append((range.upperBound + 1, false, target))
                }
            }
        }
        events.sort { $0.at < $1.at }
        var result: [(ClosedRange<UInt32>, [Int32])] = []
        var active: [Int32: Int] = [:]
        var place: UInt32 = 0
        var index = 0
        while true {
            let next = index < events.count ? events[index].at : 0x110000
            if next > place, !active.isEmpty || keepsOthers { result.append((place...(next - 1), closure(Array(active.keys)))) }
            if index >= events.count { return result }
            if index.isMultiple(of: 256) { try budget.check() }
            place = next
            while index < events.count, events[index].at == place {
                let (event, count) = (events[index], active[events[index].target] ?? 0)
                active[event.target] = event.isBegin ? count + 1 : count > 1 ? count - 1 : nil
                index += 1
            }
        }
    }
}
