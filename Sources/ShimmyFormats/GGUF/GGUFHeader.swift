import ShimmyCore

/// One tensor of a GGUF file, without its values.
package struct GGUFTensor: Sendable, Equatable {
    package let name: String
    package let shape: [Int]
    package let type: GGMLType
    /// The offset from the beginning of the tensor data, in bytes.
    package let offset: Int
    package let sizeBytes: Int

    package var elementCount: Int { shape.reduce(1, *) }
}

/// The header of a GGUF file (ggml's docs/gguf.md describes the format), without the weights.
package struct GGUFHeader: Sendable, Equatable {
    package let version: Int
    package let metadata: [String: GGUFValue]
    package let tensors: [GGUFTensor]

    package var architecture: String? { metadata["general.architecture"]?.stringValue }
    /// The number of values in all tensors. It saturates: at little more than one bit per value, a sparse file can have more values than an `Int`
    /// can count.
    package var parameterCount: Int { tensors.reduce(0) { $0.saturated(adding: $1.elementCount) } }

    /// Returns a metadata value of the model's own architecture, such as `llama.context_length`; nil if it is missing.
    package func ofArchitecture(_ key: String) -> GGUFValue? { architecture.flatMap { metadata["\($0).\(key)"] } }

    /// The common name of the quantization: the file's declared type, or else the type with the most bytes.
    package var quantization: String? {
        if let declared = metadata["general.file_type"]?.intValue, let name = Self.fileTypes[declared] { return name }
        var bytes: [GGMLType: Int] = [:]
        for tensor in tensors { bytes[tensor.type] = bytes[tensor.type, default: 0].saturated(adding: tensor.sizeBytes) }
        return bytes.max { ($0.value, $1.key.name) < ($1.value, $0.key.name) }?.key.name
    }

    /// Returns the number by which files declare a quantization, or nil if there is none.
    package static func fileType(named name: String) -> Int? { fileTypes.first { $0.value == name }?.key }

    /// The values of `llama_ftype` in llama.h.
    private static let fileTypes: [Int: String] = [
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L",
        14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
        23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M",
        32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
    ]

    /// The names of the quantizations that files can declare.
    static let quantizationNames = Set(fileTypes.values)
}
