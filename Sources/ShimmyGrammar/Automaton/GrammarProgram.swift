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
        /// Whether the rule, or the repeated expression, may end here.
        var isEnd = false

        /// Whether nothing but the end can follow: whoever calls with it as the way back need not come back.
        var isOnlyEnd: Bool { isEnd && edges.isEmpty && controls.isEmpty && calls.isEmpty }
        /// Whether something of the text is read from here.
        var reads: Bool { !edges.isEmpty || !controls.isEmpty }
    }

    static let endless = Int32.max

    let nodes: [Node]
    let start: Int32
    /// The texts of the control tokens that edges read.
    let controls: [String]
    /// Bytes that no edge tells apart are of one class.
    let classes: [UInt8]
    /// A byte of each class.
    let representatives: [UInt8]

    init(nodes: [Node], start: Int32, controls: [String]) {
        self.nodes = nodes
        self.start = start
        self.controls = controls
        var begins = [Bool](repeating: false, count: 257)
        begins[0] = true
        for edge in nodes.lazy.flatMap(\.edges) {
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

    /// Classes of bytes, then control tokens: what a text consists of.
    var symbolCount: Int { representatives.count + controls.count }
}
