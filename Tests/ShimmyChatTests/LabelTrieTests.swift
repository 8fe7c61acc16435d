import Foundation
import ShimmyChat
import ShimmyCore
import Testing

@Suite struct LabelTrieTests {
    private func close(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test func labelsOfOneTokenNeedOnePosition() {
        let trie = LabelTrie([[1], [2], [3]], ends: [9])
        #expect(trie.nodes.map(\.path) == [[]] && trie.nodes.map(\.next) == [[1, 2, 3]])
        let probabilities = trie.probabilities([[log(0.1), log(0.3), log(0.1)]])
        #expect(close(probabilities, [0.2, 0.6, 0.2]))
    }

    @Test func labelsShareTheirFirstTokens() {
        let trie = LabelTrie([[1, 2, 3], [1, 2, 4], [1, 5], [6]], ends: [9])
        #expect(trie.nodes.map(\.path) == [[], [1], [1, 2]])
        #expect(trie.nodes.map(\.next) == [[1, 6], [2, 5], [3, 4]])
        let probabilities = trie.probabilities([[log(0.5), log(0.25)], [log(0.5), log(0.5)], [log(0.75), log(0.25)]])
        #expect(close(probabilities, [0.1875, 0.0625, 0.25, 0.25].map { $0 / 0.75 }))
    }

    @Test func theBeginningOfAnotherLabelNeedsAnEnd() {
        let trie = LabelTrie([[1], [1, 2], [3]], ends: [8, 9])
        #expect(trie.nodes.map(\.next) == [[1, 3], [2, 8, 9]])
        let probabilities = trie.probabilities([[log(0.5), log(0.5)], [log(0.5), log(0.125), log(0.125)]])
        #expect(close(probabilities, [0.125, 0.25, 0.5].map { $0 / 0.875 }))
    }

    @Test func aModelWithoutEndsStillRates() {
        let trie = LabelTrie([[1], [1, 2]], ends: [])
        #expect(trie.nodes.map(\.next) == [[1], [2]])
        #expect(close(trie.probabilities([[log(0.5)], [log(0.5)]]), [2.0 / 3, 1.0 / 3]))
    }

    @Test func impossibleLabelsAreEquallyLikely() {
        let trie = LabelTrie([[1], [2]], ends: [])
        #expect(trie.probabilities([[-.infinity, -.infinity]]) == [0.5, 0.5])
        #expect(trie.probabilities([[-.infinity, -3]]) == [0, 1])
    }

    @Test func smallProbabilitiesKeepTheirRatio() {
        let trie = LabelTrie([[1, 1], [2, 2]], ends: [])
        let probabilities = trie.probabilities([[-900, -900], [-800], [-799]])
        #expect(close(probabilities, [1 / (1 + exp(1.0)), exp(1.0) / (1 + exp(1.0))]))
    }
}
