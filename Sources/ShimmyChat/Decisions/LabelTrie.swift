import Foundation
package import ShimmyCore

/// The trie of the tokens of some labels. It determines which log probabilities are needed to compare the labels as answers.
///
/// A label's probability is the product of the probabilities of its tokens, each after those before it. Labels with the same first tokens share
/// these positions. A label that is the beginning of another one counts only if the answer ends after it.
package struct LabelTrie: Sendable, Equatable {
    /// A position within labels at which the model chooses the next token.
    package struct Node: Sendable, Equatable {
        /// The tokens of a label before the position. Shares the label's memory, so that long labels do not need a copy for each position.
        package let path: ArraySlice<Token>
        /// The tokens whose log probabilities are needed.
        package fileprivate(set) var next: [Token]
    }

    /// The tokens of one label at one node: one token, or all tokens that end an answer.
    private struct Step: Sendable, Equatable {
        let node: Int
        /// The range of indices in the node's `next`.
        let tokens: Range<Int>
    }

    /// The nodes. The first one is the position after the prompt.
    package private(set) var nodes: [Node] = []
    /// The steps of each label.
    private var steps: [[Step]] = []

    /// Creates the trie of labels, each with at least one token.
    /// - ends: the tokens that end an answer.
    package init(_ labels: [[Token]], ends: [Token]) {
        precondition(labels.allSatisfy { !$0.isEmpty })
        var tree = Tree()
        let paths = labels.map { tree.add($0) }
        for path in paths {
            var steps = path.steps
            if let node = tree.nodeAfter[path.position] { steps.append(Step(node: node, tokens: tree.addEnds(ends, to: node))) }
            // A model without tokens that end an answer gives the label the probability of its tokens.
            self.steps.append(steps.filter { !$0.tokens.isEmpty })
        }
        nodes = tree.nodes
    }

    /// A tree that is being built.
    private struct Tree {
        var nodes: [Node] = []
        /// The node at each position that has tokens after it. Position 0 is the root.
        var nodeAfter: [Int: Int] = [:]
        /// The position after each token at a node.
        private var positions: [Edge: Int] = [:]
        /// The indices of the tokens that end an answer, by node.
        private var endRanges: [Int: Range<Int>] = [:]

        private struct Edge: Hashable {
            let node: Int
            let token: Token
        }

        /// Adds a label. Returns its steps and the position after it.
        mutating func add(_ label: [Token]) -> (steps: [Step], position: Int) {
            var position = 0
            var steps: [Step] = []
            for (index, token) in label.enumerated() {
                let node = nodeAfter[position] ?? nodes.count
                if node == nodes.count {
                    nodes.append(Node(path: label[..<index], next: []))
                    nodeAfter[position] = node
                }
                let place = nodes[node].next.firstIndex(of: token) ?? nodes[node].next.count
                if place == nodes[node].next.count { nodes[node].next.append(token) }
                steps.append(Step(node: node, tokens: place..<place + 1))
                let edge = Edge(node: node, token: token)
                position = positions[edge] ?? positions.count + 1
                positions[edge] = position
            }
            return (steps, position)
        }

        /// Adds the tokens that end an answer to a node, once, after all labels have been added. Returns their indices.
        mutating func addEnds(_ ends: [Token], to node: Int) -> Range<Int> {
            if let range = endRanges[node] { return range }
            let first = nodes[node].next.count
            let new = ends.filter { !nodes[node].next.contains($0) }
            nodes[node].next += new
            endRanges[node] = first..<first + new.count
            return first..<first + new.count
        }
    }

    /// Returns the probability of each label among all labels.
    /// - logprobs: for each node, the log probabilities of its `next`.
    package func probabilities(_ logprobs: [[Float]]) -> [Double] {
        let sums = steps.map { steps in
            steps.reduce(0.0) { $0 + Self.logOfSum(logprobs[$1.node][$1.tokens].map { Double($0) }) }
        }
        let total = Self.logOfSum(sums)
        guard total.isFinite else { return sums.map { _ in 1 / Double(sums.count) } }
        return sums.map { exp($0 - total) }
    }

    /// Returns the logarithm of the sum of the numbers whose logarithms are given.
    private static func logOfSum(_ logarithms: [Double]) -> Double {
        guard let greatest = logarithms.max(), greatest.isFinite else { return -.infinity }
        if logarithms.count == 1 { return greatest }
        return greatest + log(logarithms.reduce(0) { $0 + exp($1 - greatest) })
    }
}
