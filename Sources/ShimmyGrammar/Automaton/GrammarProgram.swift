/// A grammar as a machine over bytes: nodes with edges, and calls from one rule to another. Immutable.
struct GrammarProgram {
    struct Edge: Hashable {
        let low: UInt8
        let high: UInt8
        let target: Int32
    }

    /// Describes a part of the text by other nodes: a rule once, or a repeated expression as often as its bounds say.
    struct Call: Hashable {
        /// Where the part begins. It ends at any node that `isEnd`, and is never empty when it is repeated.
        let body: Int32
        let least: Int32
        /// `GrammarProgram.endless` for any number.
        let most: Int32
        let returnsTo: Int32
    }

    struct ControlEdge: Hashable {
        /// An index of `controls`.
        let control: Int32
        let target: Int32
    }

    struct Node {
        var edges: [Edge] = []
        var controls: [ControlEdge] = []
        var calls: [Call] = []
        /// Indices of `regions` that begin here.
        var entries: [Int32] = []
        /// The state in a region, for nodes that a character's last byte leads to; -1 elsewhere.
        var countedState: Int32 = -1
        /// For nodes within a character of a region: the state in the region that its last byte leads to; -1 elsewhere.
        var endsCharacter: Int32 = -1
        /// Where the text goes on behind a region whose automaton accepts here; -1 where it does not.
        var leaves: Int32 = -1
        /// The set of `memberSets` whose first member begins here; -1 elsewhere.
        var beginsMembers: Int32 = -1
        /// The set whose next member begins here; -1 elsewhere.
        var nextMember: Int32 = -1
        /// Whether the rule, or the repeated expression, may end here.
        var isEnd = false
    }

    /// A node as it is used: its edges, calls and entries are ranges of arrays of all nodes, so that looking at a node counts no references.
    struct FlatNode {
        var edges: Range<Int>
        var controls: Range<Int>
        var calls: Range<Int>
        var entries: Range<Int>
        var countedState: Int32
        var endsCharacter: Int32
        var leaves: Int32
        var beginsMembers: Int32
        var nextMember: Int32
        var isEnd: Bool

        /// Whether nothing but the end can follow: a call with it as the way back need not come back.
        var isOnlyEnd: Bool {
            isEnd && !reads && calls.isEmpty && entries.isEmpty && leaves < 0 && beginsMembers < 0 && nextMember < 0
        }
        /// Whether something of the text is read from here.
        var reads: Bool { !edges.isEmpty || !controls.isEmpty }
    }

    static let endless = Int32.max

    let nodes: [FlatNode]
    let edges: [Edge]
    let controlEdges: [ControlEdge]
    let calls: [Call]
    let entries: [Int32]
    let start: Int32
    let regions: [LengthRegion]
    let memberSets: [MemberSet]
    /// The texts of the control tokens that edges read.
    let controls: [String]
    /// Bytes that no edge tells apart are of one class.
    let classes: [UInt8]
    /// A byte of each class.
    let representatives: [UInt8]

    init(nodes: [Node], start: Int32, controls: [String], regions: [LengthRegion], memberSets: [MemberSet]) {
        var flat: [FlatNode] = []
        var (edges, controlEdges, calls, entries) = ([Edge](), [ControlEdge](), [Call](), [Int32]())
        for node in nodes {
            flat.append(
                FlatNode(
                    edges: edges.count..<edges.count + node.edges.count, controls: controlEdges.count..<controlEdges.count + node.controls.count,
                    calls: calls.count..<calls.count + node.calls.count, entries: entries.count..<entries.count + node.entries.count,
                    countedState: node.countedState, endsCharacter: node.endsCharacter, leaves: node.leaves, beginsMembers: node.beginsMembers,
                    nextMember: node.nextMember, isEnd: node.isEnd))
            edges += node.edges
            controlEdges += node.controls
            calls += node.calls
            entries += node.entries
        }
        self.nodes = flat
        (self.edges, self.controlEdges, self.calls, self.entries) = (edges, controlEdges, calls, entries)
        (self.regions, self.memberSets) = (regions, memberSets)
        self.start = start
        self.controls = controls
        var begins = [Bool](repeating: false, count: 257)
        begins[0] = true
        for edge in edges {
            begins[Int(edge.low)] = true
            begins[Int(edge.high) + 1] = true
        }
        var classes: [UInt8] = []
        var representatives: [UInt8] = []
        for byte in 0..<256 {
            if begins[byte] { representatives.append(UInt8(byte)) }
            classes.append(UInt8(representatives.count - 1))
        }
        self.classes = classes
        self.representatives = representatives
    }

    /// Bytes that it takes, roughly.
    var size: Int {
        nodes.count * MemoryLayout<FlatNode>.stride + edges.count * MemoryLayout<Edge>.stride + calls.count * MemoryLayout<Call>.stride
            + controlEdges.count * 8 + entries.count * 4
    }

    /// Classes of bytes, then control tokens: what a text consists of.
    var symbolCount: Int { representatives.count + controls.count }
}
