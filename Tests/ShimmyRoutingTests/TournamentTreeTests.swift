import ShimmyRouting
import ShimmyTestSupport
import Testing

@Suite struct TournamentTreeTests {
    @Test(arguments: [1, 2, 3, 7, 8, 33]) func agreesWithASortedList(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        var tree = TournamentTree<Int>(count: count)
        var keys: [Int?] = Array(repeating: nil, count: count)
        for _ in 0..<500 {
            let index = Int.random(in: 0..<count, using: &generator)
            keys[index] = Bool.random(using: &generator) ? Int.random(in: 0...20, using: &generator) : nil
            tree[index] = keys[index]
            let sorted = keys.indices.filter { keys[$0] != nil }.sorted { (keys[$0]!, $0) < (keys[$1]!, $1) }
            #expect(tree.first == sorted.first)
            #expect(tree.smallest(5) == Array(sorted.prefix(5)))
            #expect(tree.smallest(count) == sorted)
        }
    }

    @Test func anEmptyTreeHasNoFirst() {
        let tree = TournamentTree<Int>(count: 0)
        #expect(tree.first == nil && tree.smallest(3).isEmpty)
    }
}
