import Foundation
package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /embedding`.
package struct LlamaServerEmbedRequest: Sendable {
    package let model: String
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package let keepAlive: KeepAlive?
    package let ignoredParameters: ReportedNames
    package let embedding: EmbeddingRequest
    /// The field with the texts.
    private let field: String
    /// The norm by which the vectors are divided: 0 for the largest absolute value, otherwise the exponent.
    private let norm: Int

    private static let mostInputs = 2048
    private static let norms: ClosedRange<Int64> = 0...64
    /// The largest absolute value of a vector whose norm is 0: vectors of 16-bit integers.
    private static let largest = 32760.0

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try LlamaServerRows.embedding.check(fields.object)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        norm = Int(try fields.integer("embd_normalize", in: Self.norms) ?? 2)
        let hasInput = fields.value("input") != nil
        field = hasInput && fields.value("content") == nil ? "input" : "content"
        embedding = EmbeddingRequest(inputs: try PromptDecoder.prompts(fields, field, most: Self.mostInputs))
    }

    /// Returns the error for the client if the model cannot serve the request.
    package func error(_ error: GenerationError) -> APIError { APIError(error, input: field) }

    package func response(_ result: EmbeddingResult) -> JSON {
        .array(
            result.vectors.enumerated().map { index, vector in
                // One vector for the whole text; models without pooling would have one for each token.
                ["index": .int(index), "embedding": [.array(scaled(vector).map(JSON.float))]]
            })
    }

    /// Returns a vector of length 1 with another norm.
    private func scaled(_ vector: [Float]) -> [Float] {
        if norm == 2 { return vector }
        let length: Double
        if norm == 0 {
            length = (vector.map { Double(abs($0)) }.max() ?? 0) / Self.largest
        } else {
            let exponent = Double(norm)
            let sum = vector.reduce(0.0) { sum, number in sum + pow(Double(abs(number)), exponent) }
            length = pow(sum, 1 / exponent)
        }
        return length > 0 ? vector.map { Float(Double($0) / length) } : vector
    }
}
