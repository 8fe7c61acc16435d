/// The names of quantizations, as they occur at the ends of file names and model names.
package enum QuantizationName {
    /// Returns the quantization that a name ends in, in upper case: `Q4_K_M` for `model.Q4_K_M`, `model-q4_k_m`, `model_Q4_K_M` and
    /// `user/repo:Q4_K_M`. Returns the longest such ending, so that `UD-Q4_K_XL` stays whole; nil if the name does not end in a quantization.
    package static func ending(_ name: String) -> String? {
        let end = name.suffix(longest).uppercased()
        if isOne(end) { return end }
        for separator in end.indices where ".-_:".contains(end[separator]) {
            let tail = String(end[end.index(after: separator)...])
            if isOne(tail) { return tail }
        }
        return nil
    }

    /// Returns whether an upper-case name is the name of a quantization and nothing else.
    package static func isOne(_ name: String) -> Bool { all.contains(withoutMark(name)) }

    /// Returns whether a quantization keeps more than eight bits per weight. Files of this kind are made for conversion rather than for
    /// inference.
    package static func isWide(_ name: String) -> Bool { ["F32", "F16", "BF16", "FP32", "FP16"].contains(withoutMark(name)) }

    /// Removes Unsloth's mark of files whose layers have different types.
    private static func withoutMark(_ name: String) -> String { name.hasPrefix("UD-") ? String(name.dropFirst(3)) : name }

    /// The number of characters to examine, more than the longest name with a separator before it.
    private static let longest = 20

    /// The names that headers declare, and names in common use that no header declares: other sizes, a bare number of bits, the older name of
    /// F16.
    private static let all: Set<String> = {
        let sizes = ["", "_K", "_K_S", "_K_M", "_K_L", "_K_XL"]
        let written: [String] = (2...8).flatMap { bits in sizes.map { "Q\(bits)\($0)" } }
        return GGUFHeader.quantizationNames.union(written).union(["FP16", "FP32", "MXFP4_MOE"])
    }()
}
