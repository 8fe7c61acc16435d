/// The parsed name of a model file, with the part of a split model and the quantization.
package struct FileName {
    /// The name without the extension and the part number.
    package let stem: String
    /// The part number (starting at 1) and the part count; nil for a model that is not split.
    package let part: (number: Int, count: Int)?
    /// The quantization that the folder's name states; nil if it states none.
    private let folderQuantization: String?

    /// Parses a file name. Returns nil if the file is not a GGUF file or its download is not complete.
    /// - folder: the name of the folder that contains the file.
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

    /// Creates the name of a file that is known by its whole name.
    package init(whole name: String) {
        stem = name
        part = nil
        folderQuantization = nil
    }

    /// Returns the names of all parts, which are in the same folder.
    package func shardNames(count: Int) -> [String] {
        func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
        return (1...count).map { "\(stem)-\(padded($0))-of-\(padded(count)).gguf" }
    }

    /// The quantization that the name ends in, such as `Q4_K_M` in `model.Q4_K_M` or `model-Q4_K_M`; otherwise the one that the folder's name
    /// states, as in `Q4_K_M/model.gguf`. Nil if neither states one.
    package var quantization: String? { QuantizationName.ending(stem) ?? folderQuantization }
}
