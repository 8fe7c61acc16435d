import ShimmyRouting
import ShimmyTestSupport
import Testing

@Suite struct PromptChunksTests {
    private static let limits = PromptChunks.Limits(chunkBytes: 32, chunks: 8)

    private func hashes(_ parts: [[UInt8]], model: String = "", seed: UInt64 = 1) -> [UInt64] {
        PromptChunks(parts, model: model, seed: seed, limits: Self.limits).hashes
    }

    @Test func aContinuedConversationKeepsItsHashes() {
        let first = Array("You are a helpful assistant. Answer in English, please.".utf8)
        let second = Array("A question that is long enough for another chunk.".utf8)
        let short = hashes([first])
        let long = hashes([first, second])
        #expect(short.count == 1 && long.count == 3)
        #expect(Array(long.prefix(1)) == short)
    }

    @Test func aByteChangesItsChunkAndAllLaterOnes() {
        var text = Array(repeating: UInt8(ascii: "a"), count: 128)
        let before = hashes([text])
        for index in text.indices {
            text[index] ^= 1
            let after = hashes([text])
            let common = zip(before, after).prefix { $0 == $1 }.count
            #expect(common == index / 32)
            #expect(zip(before, after).dropFirst(common).allSatisfy { $0 != $1 })
            text[index] ^= 1
        }
    }

    @Test func equalChunksAtOtherPlacesDiffer() {
        let hashes = hashes([Array(repeating: 0, count: 256)])
        #expect(Set(hashes).count == 8)
    }

    @Test func theDivisionIntoBuffersDoesNotMatter() {
        let text = String(repeating: "a text of some length. ", count: 9)
        let rendered = PromptChunks(rendered: text, seed: 7, limits: Self.limits)
        let single = PromptChunks([Array(text.utf8)], seed: 7, limits: Self.limits)
        #expect(rendered.hashes == single.hashes)
        // Parts end anywhere, so chunks of messages are assembled from pieces.
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            var parts: [[UInt8]] = []
            for _ in 0..<5 {
                let count = Int.random(in: 0...70, using: &generator)
                parts.append((0..<count).map { _ in UInt8.random(in: 0...127, using: &generator) })
            }
            // The end of the only part adds the last separator.
            let joined: [UInt8] = parts.reduce([]) { $0 + $1 + [0xFF] }.dropLast()
            #expect(hashes(parts) == hashes([joined]))
        }
    }

    @Test func seedsAndModelsHaveOtherHashes() {
        let text = [Array(repeating: UInt8(1), count: 64)]
        let all = [hashes(text), hashes(text, seed: 2), hashes(text, model: "a"), hashes(text, model: "b")]
        #expect(Set(all.joined()).count == 8)
    }

    @Test func chunksAreBoundedAndBytesAreCounted() {
        let chunks = PromptChunks([Array(repeating: 1, count: 10_000)], seed: 1, limits: Self.limits)
        #expect(chunks.hashes.count == 8 && chunks.bytes == 10_001)
        #expect(hashes([]).isEmpty && hashes([[1, 2]]).isEmpty)
    }
}
