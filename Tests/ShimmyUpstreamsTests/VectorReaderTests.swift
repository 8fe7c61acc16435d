import ShimmyChat
import ShimmyJSON
import ShimmyUpstreams
import Testing

@Suite struct VectorReaderTests {
    private let reader = VectorReader(upstream: "box")
    private let request = EmbeddingRequest(inputs: [.text("a"), .text("b")])

    @Test func vectorsAreOrderedAndHaveTheLengthOne() throws {
        let json: JSON = [
            "data": [["index": 1, "embedding": [0, 2]], ["index": 0, "embedding": [3, 4]]], "usage": ["prompt_tokens": 6],
        ]
        let result = try reader.embeddings(json, for: request)
        #expect(result == EmbeddingResult(vectors: [[0.6, 0.8], [0, 1]], promptTokens: 6))
    }

    @Test(
        arguments: [
            [], [[0, 1]], [[0, 1], [1]], [[0, 1], "a"], [[0, 1], []], [[0, 1], [1e300, 1]], [[0, 1], ["a", 1]],
        ] as [JSON])
    func otherVectorsAreRefused(vectors: JSON) throws {
        let json: JSON = ["data": .array((vectors.arrayValue ?? []).map { ["embedding": $0] })]
        #expect(throws: UpstreamFailure.self) { try reader.embeddings(json, for: request) }
    }

    @Test func ratingsHaveTwoForms() throws {
        let jina: JSON = ["results": [["index": 1, "relevance_score": 0.5], ["index": 0, "relevance_score": 0.25]], "usage": ["total_tokens": 4]]
        let result = try reader.ratings(jina, count: 2)
        #expect(result.scores == [0.25, 0.5] && result.promptTokens == 4)
        let list: JSON = [["index": 0, "score": 0.25], ["index": 1, "score": 0.5]]
        #expect(try reader.ratings(list, count: 2).scores == [0.25, 0.5])
    }

    @Test(
        arguments: [
            [:], ["results": []], ["results": [["index": 0, "score": 1]]], ["results": [["index": 0, "score": 1], ["index": 2, "score": 1]]],
            ["results": [["index": 0, "score": 1], ["index": 0, "score": 1]]],
        ] as [JSON])
    func otherRatingsAreRefused(json: JSON) throws {
        #expect(throws: UpstreamFailure.self) { try reader.ratings(json, count: 2) }
    }
}
