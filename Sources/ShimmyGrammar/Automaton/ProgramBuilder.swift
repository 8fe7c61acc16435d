/// Builds the nodes of a grammar, joined at first by links that read nothing; `ProgramCleaner` then removes the links.
struct ProgramBuilder {
    /// The max bound of a repetition that is expanded into nodes; `writtenOutSimple` applies to single characters. Larger repetitions are counted at
    /// run time.
    private static let writtenOut = 4
    private static let writtenOutSimple = 16

    private var nonEmpty: NonEmpty
    private let controlTexts: ControlTexts
    private(set) var nodes: [GrammarProgram.Node] = []
    private(set) var links: [[Int32]] = []
    private var starts: [String: Int32] = [:]
    private var pending: [String] = []
    private var controls: [String: Int32] = [:]
    private var regions: [LengthRegion] = []
    private var memberSets: [MemberSet] = []
    private var counters = 1
    /// Shared nodes that have a single edge, by that edge: the last bytes of UTF-8 characters and of escapes.
    private var suffixes: [GrammarProgram.Edge: Int32] = [:]
    /// Shared nodes after the backslash of an escape.
    private var escapes: [Escapes: Int32] = [:]
    private let budget: GrammarBudget

    /// - controls: the texts of the vocabulary's control tokens. A literal that contains one can be written with the token too.
    /// Throws `GrammarTextError` when the grammar is too large, has left recursion, or matches no text.
    static func build(
        _ grammar: Grammar, controls: [String] = [], budget: GrammarBudget = GrammarBudget()
    ) throws(GrammarTextError) -> GrammarProgram {
        var builder = try ProgramBuilder(grammar, controls, budget)
        let start = try builder.start(of: grammar.root)
        while let name = builder.pending.popLast() {
            guard let begin = builder.starts[name] else { continue }
            let end = try builder.add(try builder.nonEmpty.body(of: name), from: begin)
            builder.nodes[Int(end)].isEnd = true
        }
        let names = builder.controls.sorted { $0.value < $1.value }.map(\.key)
        let cleaner = ProgramCleaner(regions: builder.regions, memberSets: builder.memberSets, budget: budget)
        return try cleaner.clean(nodes: builder.nodes, links: builder.links, start: start, controls: names)
    }

    private init(_ grammar: Grammar, _ controls: [String], _ budget: GrammarBudget) throws(GrammarTextError) {
        self.budget = budget
        nonEmpty = try NonEmpty(grammar, budget)
        controlTexts = ControlTexts(controls, in: grammar.rules.values.lazy.flatMap(\.texts))
    }

    private mutating func start(of rule: String) throws(GrammarTextError) -> Int32 {
        if let known = starts[rule] { return known }
        let node = try node()
        starts[rule] = node
        pending.append(rule)
        return node
    }

    private mutating func node() throws(GrammarTextError) -> Int32 {
        try budget.check(states: nodes.count)
        if nodes.count.isMultiple(of: 4096) { try budget.check() }
        nodes.append(GrammarProgram.Node())
        links.append([])
        return Int32(nodes.count - 1)
    }

    private mutating func link(_ from: Int32, _ to: Int32) { links[Int(from)].append(to) }

    // MARK: Expressions

    /// Adds an expression after the node `from` and returns the node after the expression.
    private mutating func add(_ expression: Grammar.Expression, from: Int32) throws(GrammarTextError) -> Int32 {
        switch expression {
        case .literal(let bytes): return try add(literal: bytes, from: from)
        case .set(let set): return try add(set, from: from)
        case .control(let text): return try add(control: text, from: from)
        case .rule(let name): return try call(try start(of: name), least: 1, most: 1, from: from)
        case .sequence(let parts):
            var end = from
            for part in parts { end = try add(part, from: end) }
            return end
        case .choice(let parts): return try add(choice: parts, from: from)
        case .repeated(let body, let least, let most): return try repeat_(body, least, most, from: from)
        case .automaton(let counted): return try add(counted, from: from)
        case .unordered(let members): return try add(members, from: from)
        }
    }

    private mutating func call(_ body: Int32, least: Int, most: Int?, from: Int32) throws(GrammarTextError) -> Int32 {
        let end = try node()
        let call = GrammarProgram.Call(
            body: body, least: Int32(clamping: least), most: most.map { Int32(clamping: $0) } ?? GrammarProgram.endless, returnsTo: end)
        nodes[Int(from)].calls.append(call)
        return end
    }

    private mutating func add(choice parts: [Grammar.Expression], from: Int32) throws(GrammarTextError) -> Int32 {
        let end = try node()
        var literals: [[UInt8]] = []
        for part in parts {
            if case .literal(let bytes) = part, !controlTexts.occur(in: bytes) {
                literals.append(bytes)
            } else {
                // The alternative needs its own node: a repetition at its beginning must not loop back to the other alternatives.
                let begin = try node()
                link(from, begin)
                link(try add(part, from: begin), end)
            }
        }
        if !literals.isEmpty {
            let begin = try node()
            link(from, begin)
            try addTree(literals, from: begin, to: end)
        }
        return end
    }

    /// Adds many literals as a trie, so that they share the nodes of their common prefixes.
    private mutating func addTree(_ literals: [[UInt8]], from: Int32, to end: Int32) throws(GrammarTextError) {
        var children: [Int64: Int32] = [:]
        for literal in literals {
            var place = from
            for byte in literal {
                let key = Int64(place) << 8 | Int64(byte)
                if let child = children[key] {
                    place = child
                } else {
                    let child = try node()
                    children[key] = child
                    nodes[Int(place)].edges.append(.init(low: byte, high: byte, target: child))
                    place = child
                }
            }
            link(place, end)
        }
    }

    private mutating func repeat_(_ body: Grammar.Expression, _ least: Int, _ most: Int?, from: Int32) throws(GrammarTextError) -> Int32 {
        var (body, least) = (body, least)
        if nonEmpty.canBeEmpty(body) {
            guard let rest = try nonEmpty.part(of: body) else { return from }
            (body, least) = (rest, 0)
        }
        if most == 0 { return from }
        let simple = if case .set = body { true } else { false }
        let limit = simple ? Self.writtenOutSimple : Self.writtenOut
        guard max(least, most ?? 0) <= limit else {
            let begin = try node()
            nodes[Int(try add(body, from: begin))].isEnd = true
            return try call(begin, least: least, most: most, from: from)
        }
        var end = from
        for _ in 0..<least { end = try add(body, from: end) }
        guard let most else { return try star(body, from: end) }
        let out = try node()
        for _ in least..<most {
            link(end, out)
            end = try add(body, from: end)
        }
        link(end, out)
        return out
    }

    private mutating func star(_ body: Grammar.Expression, from: Int32) throws(GrammarTextError) -> Int32 {
        let (head, out) = (try node(), try node())
        link(from, head)
        link(head, out)
        link(try add(body, from: head), head)
        return out
    }

    // MARK: Leaves

    private mutating func add(literal bytes: [UInt8], from: Int32) throws(GrammarTextError) -> Int32 {
        var (end, index) = (from, 0)
        while index < bytes.count {
            if let control = controlTexts.longest(in: bytes, at: index) {
                // The text can be spelled, or be the token.
                let spelled = try add(bytes: control, from: end)
                let said = try add(control: String(decoding: control, as: UTF8.self), from: end)
                link(said, spelled)
                (end, index) = (spelled, index + control.count)
            } else {
                end = try add(bytes: bytes[index...index], from: end)
                index += 1
            }
        }
        return end
    }

    private mutating func add(bytes: some Sequence<UInt8>, from: Int32) throws(GrammarTextError) -> Int32 {
        var end = from
        for byte in bytes {
            let target = try node()
            nodes[Int(end)].edges.append(.init(low: byte, high: byte, target: target))
            end = target
        }
        return end
    }

    private mutating func add(control text: String, from: Int32) throws(GrammarTextError) -> Int32 {
        guard controlTexts.contains(text) else { throw GrammarTextError("'\(text)' is not a control token of this model") }
        let index = controls[text] ?? Int32(controls.count)
        controls[text] = index
        let target = try node()
        nodes[Int(from)].controls.append(.init(control: index, target: target))
        return target
    }

    /// Adds one character of a set, in UTF-8.
    private mutating func add(_ set: ScalarSet, from: Int32) throws(GrammarTextError) -> Int32 {
        let end = try node()
        try add(set, from: from, to: end)
        return end
    }

    private mutating func add(_ set: ScalarSet, from: Int32, to end: Int32) throws(GrammarTextError) {
        for sequence in UTF8Ranges.sequences(of: set) {
            let target = try suffix(sequence.dropFirst(), to: end)
            nodes[Int(from)].edges.append(.init(low: sequence[0].lowerBound, high: sequence[0].upperBound, target: target))
        }
    }

    /// Returns a node from which `bytes` lead to `end`. Equal suffixes share their nodes.
    private mutating func suffix(_ bytes: ArraySlice<ClosedRange<UInt8>>, to end: Int32) throws(GrammarTextError) -> Int32 {
        var target = end
        for range in bytes.reversed() {
            let edge = GrammarProgram.Edge(low: range.lowerBound, high: range.upperBound, target: target)
            if let known = suffixes[edge] {
                target = known
            } else {
                target = try node()
                suffixes[edge] = target
                nodes[Int(target)].edges.append(edge)
                nodes[Int(target)].endsCharacter = nodes[Int(end)].countedState
            }
        }
        return target
    }

    // MARK: Members

    private mutating func add(_ unordered: UnorderedMembers, from: Int32) throws(GrammarTextError) -> Int32 {
        // An empty member could repeat endlessly.
        if let rule = unordered.rules.first(where: { nonEmpty.canBeEmpty(.rule($0)) }) {
            throw GrammarTextError("the member '\(rule)' can be empty, which is not supported")
        }
        var (bodies, required) = ([Int32](), UInt64(0))
        for (index, member) in unordered.members.enumerated() {
            bodies.append(try start(of: member.rule))
            if member.isRequired { required |= 1 << UInt64(index) }
        }
        let others = if let rule = unordered.others { try start(of: rule) } else { Int32(-1) }
        let (begin, separator) = (try node(), try node())
        let next = try add(bytes: UnorderedMembers.separator, from: separator)
        nodes[Int(begin)].beginsMembers = Int32(memberSets.count)
        nodes[Int(next)].nextMember = Int32(memberSets.count)
        memberSets.append(MemberSet(bodies: bodies, required: required, others: others, separator: separator))
        return try call(begin, least: 1, most: 1, from: from)
    }

    // MARK: Automata

    private mutating func add(_ counted: CountedAutomaton, from: Int32) throws(GrammarTextError) -> Int32 {
        let automaton = counted.automaton
        let end = try node()
        var states: [Int32] = []
        for state in automaton.edges.indices {
            states.append(try node())
            if counted.isCounted { nodes[Int(states[state])].countedState = Int32(state) }
        }
        var exits: [Int: Int32] = [:]
        for (state, edges) in automaton.edges.enumerated() {
            let node = states[state]
            var sets: [Int: [ClosedRange<UInt32>]] = [:]
            for edge in edges { sets[edge.target, default: []].append(edge.range) }
            for (target, ranges) in sets.sorted(by: { $0.key < $1.key }) {
                try add(character: ScalarSet(ranges), isInString: counted.isInString, from: node, to: states[target])
            }
            guard let label = automaton.labels[state] else { continue }
            let exit: Int32
            if let known = exits[label] { exit = known } else { exit = try self.exit(counted.exits[label], to: end) }
            exits[label] = exit
            if counted.isCounted { nodes[Int(node)].leaves = exit } else { link(node, exit) }
        }
        guard counted.isCounted else {
            link(from, states[0])
            return end
        }
        let region = try LengthRegion(counted, firstNode: states[0], budget)
        guard region.allows(0, count: 0) else { return end }
        nodes[Int(from)].entries.append(Int32(regions.count))
        regions.append(region)
        counters += region.top + 1
        if counters >= GrammarStates.maximumCounters { throw GrammarTextError("the length limits of texts are too large", isLimit: true) }
        return end
    }

    private mutating func exit(_ rule: String?, to end: Int32) throws(GrammarTextError) -> Int32 {
        guard let rule else { return end }
        let exit = try node()
        nodes[Int(exit)].calls.append(.init(body: try start(of: rule), least: 1, most: 1, returnsTo: end))
        return exit
    }

    /// Adds one character of a set, with escapes if it is in a JSON string.
    private mutating func add(character set: ScalarSet, isInString: Bool, from: Int32, to end: Int32) throws(GrammarTextError) {
        guard isInString else { return try add(set, from: from, to: end) }
        try add(set.subtracting(GrammarWriter.escaped), from: from, to: end)
        let escaped = GrammarWriter.escapedInJSON.filter { set.contains($0.value) }
        guard !escaped.isEmpty else { return }
        nodes[Int(from)].edges.append(.init(low: UInt8(ascii: "\\"), high: UInt8(ascii: "\\"), target: try escape(escaped, to: end)))
    }

    private struct Escapes: Hashable {
        let scalars: [Unicode.Scalar]
        let end: Int32
    }

    /// Returns the node after a backslash. The last byte of the escape leads to `end` itself, because the program counts characters there.
    private mutating func escape(_ scalars: [Unicode.Scalar], to end: Int32) throws(GrammarTextError) -> Int32 {
        let key = Escapes(scalars: scalars, end: end)
        if let known = escapes[key] { return known }
        let node = try node()
        nodes[Int(node)].endsCharacter = nodes[Int(end)].countedState
        let writer = GrammarWriter(context: .jsonString)
        for scalar in scalars {
            let bytes = writer.written(scalar).utf8.dropFirst().map { $0...$0 }
            let target = try suffix(bytes.dropFirst(), to: end)
            nodes[Int(node)].edges.append(.init(low: bytes[0].lowerBound, high: bytes[0].lowerBound, target: target))
        }
        escapes[key] = node
        return node
    }
}

extension Grammar.Expression {
    /// The literals and the names of control tokens in the expression.
    fileprivate var texts: [[UInt8]] {
        switch self {
        case .literal(let bytes): [bytes]
        case .control(let text): [Array(text.utf8)]
        case .sequence(let parts), .choice(let parts): parts.flatMap(\.texts)
        case .repeated(let body, _, _): body.texts
        case .set, .rule, .automaton, .unordered: []
        }
    }
}
