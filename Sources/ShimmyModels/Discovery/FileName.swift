/// Reads the names of model files: parts of split models, quantizations.
package struct FileName {
    /// Without the ending and without the part's number.
    package let stem: String
    /// 1-based, of a split model.
    package let part: (number: Int, count: Int)?
    /// The quantization that the folder is called by.
    private let folderQuantization: String?

    /// nil for what is no GGUF file, or not all there yet.
    /// - folder: the name of the one that it lies in.
    package init?(_ name: String, in folder: String? = nil) {
        guard name.lowercased().hasSuffix(".gguf"), !name.hasPrefix(".") else { return nil }
        var stem = String(name.dropLast(".gguf".count))
        guard !stem.isEmpty else { return nil }
        var part: (Int, Int)?
        if let match = stem.wholeMatch(of: #/(.+)-(\d{5})-of-(\d{5})/#), let number = Int(match.2), let count = Int(match.3), count > 0 {
            stem = String(match.1)
            part = (number, count)
        }
        self.stem = stem
        self.part = part
        folderQuantization = folder.map { $0.uppercased() }.flatMap { QuantizationName.isOne($0) ? $0 : nil }
    }

    /// What is called by its whole name.
    init(whole name: String) {
        stem = name
        part = nil
        folderQuantization = nil
    }

    /// The names of all parts, beside each other.
    func shardNames(count: Int) -> [String] {
        func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
        return (1...count).map { "\(stem)-\(padded($0))-of-\(padded(count)).gguf" }
    }

    /// The quantization that the name ends in, as `Q4_K_M` in `model.Q4_K_M` or `model-Q4_K_M`; else the one that its folder is called by, as in
    /// `Q4_K_M/model.gguf`.
    package var quantization: String? { QuantizationName.ending(stem) ?? folderQuantization }
}
