/// Names of quantizations as they stand at the ends of other names: of files, and of models.
package enum QuantizationName {
    /// What a name ends in, in capitals: `Q4_K_M` of `model.Q4_K_M`, `model-q4_k_m`, `model_Q4_K_M` and `user/repo:Q4_K_M`. The longest such
    /// ending, so that `UD-Q4_K_XL` stays whole. nil where the name ends in something else.
    package static func ending(_ name: String) -> String? {
        let end = name.suffix(longest).uppercased()
        if isOne(end) { return end }
        for separator in end.indices where ".-_:".contains(end[separator]) {
            let tail = String(end[end.index(after: separator)...])
            if isOne(tail) { return tail }
        }
        return nil
    }

    /// Whether a name, in capitals, is that of a quantization and nothing else.
    package static func isOne(_ name: String) -> Bool { all.contains(withoutMark(name)) }

    /// Whether it keeps more than eight bits of each weight. Such files are made for converting rather than for running.
    package static func isWide(_ name: String) -> Bool { ["F32", "F16", "BF16", "FP32", "FP16"].contains(withoutMark(name)) }

    /// Unsloth marks files whose layers differ in their types.
    private static func withoutMark(_ name: String) -> String { name.hasPrefix("UD-") ? String(name.dropFirst(3)) : name }

    /// Characters, more than any of the names has with something before it.
    private static let longest = 20

    /// What headers declare, and what people write that no header knows: sizes of their own, a bare number of bits, the older name of F16.
    private static let all: Set<String> = {
        let sizes = ["", "_K", "_K_S", "_K_M", "_K_L", "_K_XL"]
        let written: [String] = (2...8).flatMap { bits in sizes.map { "Q\(bits)\($0)" } }
        return GGUFHeader.quantizationNames.union(written).union(["FP16", "FP32", "MXFP4_MOE"])
    }()
}
