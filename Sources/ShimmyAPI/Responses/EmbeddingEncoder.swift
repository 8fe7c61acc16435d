import Foundation
package import ShimmyChat
package import ShimmyJSON

/// The encoder of embeddings, in OpenAI's format.
package enum EmbeddingEncoder {
    package static func whole(_ result: EmbeddingResult, model: String, encoding: EmbeddingsRequest.Encoding) -> JSON {
        let data = result.vectors.enumerated().map { index, vector -> JSON in
            [
                "object": "embedding", "index": .int(index),
                "embedding": encoding == .base64 ? .string(base64(vector)) : .array(vector.map(JSON.float)),
            ]
        }
        return [
            "object": "list", "data": .array(data), "model": .string(model),
            "usage": usage(promptTokens: result.promptTokens),
        ]
    }

    /// Returns the usage, which has prompt tokens only, because nothing is generated.
    static func usage(promptTokens: Int) -> JSON { ["prompt_tokens": .int(promptTokens), "total_tokens": .int(promptTokens)] }

    /// Returns base64 of little-endian 32-bit floats, which OpenAI's official clients decode.
    private static func base64(_ vector: [Float]) -> String {
        var bytes = Data(capacity: vector.count * 4)
        for number in vector { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes.base64EncodedString()
    }
}

extension JSON {
    /// Returns the shortest literal that parses to the same float.
    static func float(_ value: Float) -> JSON { .double(Double(value.description) ?? Double(value)) }
}
