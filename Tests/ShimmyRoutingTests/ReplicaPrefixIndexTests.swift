import ShimmyRouting
import ShimmyTestSupport
import Testing

@Suite struct ReplicaPrefixIndexTests {
    /// Returns hashes that cover the whole prefix, as those of a prompt do.
    private func chained(_ values: [Int]) -> [UInt64] {
        var generator = SeededGenerator(seed: 0)
        return values.map { value in
            generator = SeededGenerator(seed: generator.next() ^ UInt64(value))
            return generator.next()
        }
    }

    private func lengths(_ index: ReplicaPrefixIndex, _ values: [Int]) -> [Int: Int] {
        Dictionary(uniqueKeysWithValues: index.matches(chained(values), limit: 100).map { ($0.cache, $0.chunks) })
    }

    @Test func findsTheLongestPrefixOfEachCache() {
        var index = ReplicaPrefixIndex()
        for cache in 1...3 { index.add(cache) }
        index.insert(chained([1, 2, 3, 4]), in: 1)
        index.insert(chained([1, 2, 5]), in: 2)
        index.insert(chained([9]), in: 3)
        #expect(lengths(index, [1, 2, 3, 4, 5]) == [1: 4, 2: 2])
        #expect(lengths(index, [1, 2, 5]) == [1: 2, 2: 3])
        #expect(lengths(index, [1]) == [1: 1, 2: 1])
        #expect(lengths(index, [7, 1]).isEmpty && lengths(index, []).isEmpty)
        #expect(index.matches(chained([1, 2, 5]), limit: 1).map(\.chunks) == [3])
        #expect(index.count(of: 1) == 4 && index.count(of: 2) == 3 && index.chunkCount == 6)
    }

    @Test func aRemovedCacheIsForgotten() {
        var index = ReplicaPrefixIndex()
        index.add(1)
        index.add(2)
        index.insert(chained([1, 2]), in: 1)
        index.insert(chained([1, 2, 3]), in: 2)
        index.remove(2)
        #expect(lengths(index, [1, 2, 3]) == [1: 2])
        index.insert(chained([4]), in: 2)
        #expect(lengths(index, [4]).isEmpty)
    }

    @Test func theLeastRecentlyUsedPromptIsEvicted() {
        var index = ReplicaPrefixIndex(limits: .init(chunks: 6, nodes: 100))
        index.add(1)
        index.insert(chained([1, 2, 3]), in: 1)
        index.insert(chained([4, 5, 6]), in: 1)
        index.insert(chained([1, 2, 3]), in: 1)
        index.insert(chained([7]), in: 1)
        #expect(lengths(index, [1, 2, 3]) == [1: 3])
        #expect(lengths(index, [4, 5, 6]).isEmpty)
        #expect(index.count(of: 1) == 4 && index.chunkCount == 4)
    }

    @Test func aPromptLongerThanTheIndexIsCut() {
        var index = ReplicaPrefixIndex(limits: .init(chunks: 5, nodes: 100))
        index.add(1)
        index.insert(chained(Array(1...20)), in: 1)
        #expect(lengths(index, Array(1...20)) == [1: 5])
    }

    @Test func aNodeNamesTheCachesThatUsedItLast() {
        var index = ReplicaPrefixIndex(limits: .init(chunks: 100, nodes: 100, cachesPerNode: 2))
        for cache in 1...3 {
            index.add(cache)
            index.insert(chained([1, 2]), in: cache)
        }
        #expect(lengths(index, [1, 2]) == [2: 2, 3: 2])
        #expect(index.count(of: 1) == 0)
    }

    /// Without evictions, the index agrees with a list of all prompts.
    @Test func agreesWithAList() {
        var generator = SeededGenerator(seed: 5)
        var index = ReplicaPrefixIndex(limits: .init(chunks: 100_000, nodes: 100_000, cachesPerNode: 100))
        var list: [(cache: Int, values: [Int])] = []
        for cache in 0..<6 { index.add(cache) }
        for _ in 0..<1500 {
            let values = (0..<Int.random(in: 0...9, using: &generator)).map { _ in Int.random(in: 0...2, using: &generator) }
            var expected: [Int: Int] = [:]
            for (cache, other) in list {
                let common = zip(values, other).prefix { $0 == $1 }.count
                if common > 0 { expected[cache] = max(expected[cache] ?? 0, common) }
            }
            #expect(lengths(index, values) == expected)
            let cache = Int.random(in: 0..<6, using: &generator)
            index.insert(chained(values), in: cache)
            list.append((cache, values))
        }
    }

    /// With evictions, the index stays within its limits, and its matches are true ones.
    @Test func staysWithinItsLimits() {
        var generator = SeededGenerator(seed: 6)
        var index = ReplicaPrefixIndex(limits: .init(chunks: 60, nodes: 20, cachesPerNode: 3))
        var inserted: Set<[Int]> = []
        for cache in 0..<6 { index.add(cache) }
        for _ in 0..<5000 {
            let values = (0..<Int.random(in: 1...12, using: &generator)).map { _ in Int.random(in: 0...2, using: &generator) }
            for (cache, count) in lengths(index, values) { #expect(inserted.contains([cache] + values.prefix(count))) }
            let cache = Int.random(in: 0..<6, using: &generator)
            index.insert(chained(values), in: cache)
            for count in 1...values.count { inserted.insert([cache] + values.prefix(count)) }
            #expect(lengths(index, values)[cache] == values.count)
            #expect(index.chunkCount <= 60 && index.nodeCount <= 20)
            #expect((0..<6).allSatisfy { index.count(of: $0) >= 0 })
        }
    }
}
