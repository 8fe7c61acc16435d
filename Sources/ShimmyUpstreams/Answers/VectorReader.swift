package import ShimmyChat
package import ShimmyJSON

/// Reads vectors and ratings, and checks that they are those of the request.
package struct VectorReader: Sendable {
    private let upstream: String
    private static let mostDimensions = 1 << 16

    package init(upstream: String) { self.upstream = upstream }

    /// Throws `UpstreamFailure` if vectors are missing, differ in their dimensions, or are not those that were requested.
    package func embeddings(_ json: JSON, for request: EmbeddingRequest) throws(UpstreamFailure) -> EmbeddingResult {
        guard let data = json["data"]?.arrayValue, data.count == request.inputs.count else {
            throw unreadable("its number of vectors is not that of the inputs")
        }
        var vectors = [[Float]](repeating: [], count: data.count)
        for (place, element) in data.enumerated() {
            let index = element["index"]?.intValue ?? place
            guard vectors.indices.contains(index), vectors[index].isEmpty else { throw unreadable("its vectors have wrong indices") }
            vectors[index] = try vector(element["embedding"])
        }
        let dimensions = vectors.first?.count ?? 0
        guard vectors.allSatisfy({ $0.count == dimensions }) else { throw unreadable("its vectors differ in their dimensions") }
        if let wanted = request.dimensions, wanted != dimensions {
            throw UpstreamFailure(
                upstream, .unsupported(field: "dimensions"), "its vectors have \(dimensions) dimensions, and it does not change their number")
        }
        let usage = json["usage"]
        return EmbeddingResult(vectors: vectors, promptTokens: WireJSON.count(usage?["prompt_tokens"] ?? usage?["total_tokens"]))
    }

    private func vector(_ json: JSON?) throws(UpstreamFailure) -> [Float] {
        guard let numbers = json?.arrayValue, !numbers.isEmpty, numbers.count <= Self.mostDimensions else { throw unreadable("a vector is missing") }
        var values: [Double] = []
        values.reserveCapacity(numbers.count)
        for number in numbers {
            guard let value = number.doubleValue, abs(value) < 1e30 else { throw unreadable("a vector contains something else than numbers") }
            values.append(value)
        }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { Float(length > 0 ? $0 / length : 0) }
    }

    /// Reads the ratings in the form of Jina's API, or as a list.
    package func ratings(_ json: JSON, count: Int) throws(UpstreamFailure) -> RerankResult {
        guard let results = json["results"]?.arrayValue ?? json["data"]?.arrayValue ?? json.arrayValue, results.count <= count else {
            throw unreadable("it has no list of results")
        }
        var scores = [Float?](repeating: nil, count: count)
        for result in results {
            let score = result["relevance_score"] ?? result["score"]
            guard let index = result["index"]?.intValue, scores.indices.contains(index), let value = score?.doubleValue, abs(value) < 1e30 else {
                throw unreadable("a result has no index or no score")
            }
            scores[index] = Float(value)
        }
        let all = scores.compactMap { $0 }
        guard all.count == count else { throw unreadable("it does not rate all documents") }
        let usage = json["usage"]
        return RerankResult(scores: all, promptTokens: WireJSON.count(usage?["prompt_tokens"] ?? usage?["total_tokens"]))
    }

    private func unreadable(_ fault: String) -> UpstreamFailure { UpstreamFailure(upstream, .unreadable, "its answer cannot be read: \(fault)") }
}
