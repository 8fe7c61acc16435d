/// A grammar as an automaton over bytes: nodes with edges, and calls from one rule to another. Immutable.
struct GrammarProgram {
    struct Edge: Hashable {
        let low: UInt8
        let high: UInt8
        let target: Int32
    }

    /// A call of other nodes that read a part of the text: a rule once, or a repeated expression as often as its bounds allow.
    struct Call: Hashable {
        /// The first node of the part. The part ends at any node with `isEnd`, and is never empty when it is repeated.
        let body: Int32
        let least: Int32
        /// The max number of repetitions; `GrammarProgram.endless` for unbounded.
        let most: Int32
        let returnsTo: Int32
    }

    struct ControlEdge: Hashable {
        /// An index in `controls`.
        let control: Int32
        let target: Int32
    }

    struct Node {
        var edges: [Edge] = []
        var controls: [ControlEdge] = []
        var calls: [Call] = []
        /// Indices in `regions` of the regions that begin here.
        var entries: [Int32] = []
        /// The state in a region, for a node after the last byte of a character; -1 elsewhere.
        var countedState: Int32 = -1
        /// For a node inside a character of a region: the state in the region after the character's last byte; -1 elsewhere.
        var endsCharacter: Int32 = -1
        /// The node after a region whose automaton accepts here; -1 where it does not accept.
        var leaves: Int32 = -1
        /// The index in `memberSets` of the set whose first member begins here; -1 elsewhere.
        var beginsMembers: Int32 = -1
        /// The index in `memberSets` of the set whose next member begins here; -1 elsewhere.
        var nextMember: Int32 = -1
        /// Whether the rule, or the repeated expression, may end here.
        var isEnd = false
    }

    /// A node of the finished program. Its edges, controls, calls and entries are ranges of arrays of the program, so that reading a node does no
    /// reference counting.
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

        /// Whether the rule ends here and nothing else can follow. A call that returns to such a node needs no stack frame.
        var isOnlyEnd: Bool {
            isEnd && !reads && calls.isEmpty && entries.isEmpty && leaves < 0 && beginsMembers < 0 && nextMember < 0
        }
        /// Whether an edge reads a byte or a control token from here.
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
    /// The class of each byte value. Bytes that no edge distinguishes have the same class.
    let classes: [UInt8]
    /// One byte of each class.
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

    /// The approximate size in bytes.
    var size: Int {
        nodes.count * MemoryLayout<FlatNode>.stride + edges.count * MemoryLayout<Edge>.stride + calls.count * MemoryLayout<Call>.stride
            + controlEdges.count * 8 + entries.count * 4
    }

    /// The number of symbols that a text consists of: byte classes first, then control tokens.
    var symbolCount: Int { representatives.count + controls.count }
}
