import CLlama
import ShimmyLlama
import ShimmyTestSupport
import Testing

extension ComputingTests {
    @Suite struct Attention {
        static let shapes: [(String, AttentionGraph)] = [
            ("grouped heads of 64", AttentionGraph()),
            ("one head each, of 80", AttentionGraph(keyWidth: 80, valueWidth: 80, heads: 3, headsOfCache: 3)),
            ("heads of 96 in a cache of BF16", AttentionGraph(keyWidth: 96, valueWidth: 96, heads: 4, headsOfCache: 1, type: GGML_TYPE_BF16)),
            ("heads of 128 in a cache of Q8_0", AttentionGraph(keyWidth: 128, valueWidth: 128, heads: 8, headsOfCache: 2, type: GGML_TYPE_Q8_0)),
            ("heads of 256", AttentionGraph(keyWidth: 256, valueWidth: 256, heads: 2, headsOfCache: 1)),
            ("heads of 512", AttentionGraph(keyWidth: 512, valueWidth: 512, heads: 2, headsOfCache: 2)),
            ("keys wider than values", AttentionGraph(keyWidth: 192, valueWidth: 128, heads: 4, headsOfCache: 4)),
            ("a cap on scores", AttentionGraph(cap: 5)),
            ("a slope for each head", AttentionGraph(heads: 8, headsOfCache: 4, maxBias: 8)),
            ("sinks", AttentionGraph(hasSinks: true)),
            ("everything at once", AttentionGraph(heads: 8, headsOfCache: 2, type: GGML_TYPE_Q8_0, maxBias: 4, cap: 20, hasSinks: true)),
        ]

        /// The visibility of cells for tokens of several sequences in one cache.
        enum Pattern: CaseIterable {
            case one, causal, window, apart, scattered, shared

            /// - distances: whether the mask contains distances, as with ALiBi.
            func mask(cells: Int, distances: Bool, _ random: inout SeededGenerator) -> [[Float]] {
                func row(_ sees: (Int) -> Bool) -> [Float] { (0..<cells).map { sees($0) ? (distances ? -Float(cells - $0) / 8 : 0) : -.infinity } }
                return switch self {
                case .one: [row { $0 < cells - 3 }]
                case .causal: (0..<40).map { token in row { $0 <= token + 20 } }
                case .window: (0..<24).map { token in row { $0 <= token + 60 && $0 > token + 10 } }
                case .apart: (0..<4).map { token in row { $0 / 24 == token } }
                case .scattered:
                    (0..<7).map { _ in row { _ in Int.random(in: 0..<6, using: &random) == 0 } }.map {
                        $0.contains { $0 > -.infinity } ? $0 : row { _ in true }
                    }
                case .shared: (0..<9).map { token in row { $0 < 50 || $0 % 9 == token } }
                }
            }
        }

        /// The squared error relative to double precision is small over all patterns.
        @Test(arguments: shapes.indices, ComputingTests.instructionSets)
        func errorIsNoLargerThanOfGGML(_ index: Int, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: UInt64(index))
            var graph = Self.shapes[index].1
            var (ours, theirs) = (0.0, 0.0)
            for (pattern, cells) in Pattern.allCases.flatMap({ [($0, 96), ($0, 101), ($0, 256)] }) {
                graph.cells = cells
                graph.mask = pattern.mask(cells: cells, distances: graph.maxBias > 0, &random)
                graph.fill(&random)
                let exact = graph.exact
                theirs += ComputingTests.squaredError(graph.compute(threads: 2), exact)
                ComputingTests.withKernels(set) { ours += ComputingTests.squaredError(graph.compute(threads: 2), exact) }
            }
            #expect(ours > 0)
            #expect(ours < theirs, "\(Self.shapes[index].0)")
        }

        /// A token's result is the same alone and with any other tokens, with any number of threads, and with either way of dividing the work.
        @Test(arguments: shapes.indices, ComputingTests.instructionSets)
        func aTokenIsTheSameInEveryCompanyAndOnAnyNumberOfThreads(_ index: Int, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: 50 + UInt64(index))
            var graph = Self.shapes[index].1
            for pattern in Pattern.allCases {
                graph.mask = pattern.mask(cells: graph.cells, distances: graph.maxBias > 0, &random)
                graph.fill(&random)
                ComputingTests.withKernels(set) {
                    let together = graph.compute(threads: 1)
                    for threads in [2, 3, 8] { #expect(graph.compute(threads: threads) == together, "\(pattern) on \(threads) threads") }
                    for token in [0, graph.tokens / 2, graph.tokens - 1] {
                        let size = graph.heads * graph.valueWidth
                        #expect(
                            graph.only(token).compute(threads: 2) == Array(together[token * size..<(token + 1) * size]), "\(pattern), token \(token)")
                    }
                }
            }
        }

        /// The result stays the same if the cells are elsewhere in the cache, in the same order, with other sequences' cells between them.
        @Test(arguments: shapes.indices, ComputingTests.instructionSets)
        func whereTheCellsLieDoesNotMatter(_ index: Int, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: 80 + UInt64(index))
            var graph = Self.shapes[index].1
            graph.cells = 75
            let slanted = graph.maxBias > 0
            graph.mask = (0..<5).map { token -> [Float] in
                (0..<75).map { cell -> Float in
                    if cell >= 70 + token { return -.infinity }
                    return slanted ? Float(cell - 75) : 0
                }
            }
            graph.fill(&random)
            for spread in [1, 2, 5] {
                var moved = graph
                let places: [Int] = (0..<75).map { (cell: Int) -> Int in 13 + cell * spread + (cell > 40 ? 64 : 0) }
                moved.cells = 512
                moved.mask = graph.mask.map { (row: [Float]) -> [Float] in
                    var wide = [Float](repeating: -.infinity, count: 512)
                    for (cell, place) in places.enumerated() { wide[place] = row[cell] }
                    return wide
                }
                moved.keys = graph.spread(graph.keys, width: graph.keyWidth, places, cells: 512)
                moved.values = graph.spread(graph.values, width: graph.valueWidth, places, cells: 512)
                ComputingTests.withKernels(set) {
                    let (here, there) = (graph.compute(threads: 1), moved.compute(threads: 2))
                    #expect(here == there, "spread by \(spread)")
                }
            }
        }
    }
}

extension AttentionGraph {
    func only(_ token: Int) -> AttentionGraph {
        var one = self
        one.mask = [mask[token]]
        one.queries = (0..<heads).flatMap { (head: Int) -> ArraySlice<Float> in
            let first = (head * tokens + token) * keyWidth
            return queries[first..<first + keyWidth]
        }
        return one
    }

    /// Returns the cells of each head at new indices. The cells between them have arbitrary content.
    func spread(_ floats: [Float], width: Int, _ places: [Int], cells: Int) -> [Float] {
        var wide = [Float](repeating: 1, count: headsOfCache * cells * width)
        for head in 0..<headsOfCache {
            for (cell, place) in places.enumerated() {
                let (from, to) = ((head * self.cells + cell) * width, (head * cells + place) * width)
                for d in 0..<width { wide[to + d] = floats[from + d] }
            }
        }
        return wide
    }
}
