import Foundation
import ShimmyCore
package import ShimmyFormats
import ShimmyJSON

/// A converter of a folder into a GGUF file.
package struct FolderConverter {
    /// A tensor of the output file.
    private struct Planned {
        let entry: GGUFWriter.Entry
        /// The tensor's source; nil for a computed tensor.
        let source: (file: ByteFile, tensor: SafeTensorsFile.Tensor, type: ValueType)?
        var transform = Transform()
        var values: [Float] = []
    }

    private let folder: HubFolder
    private let name: String
    private let freeBytes: (String) -> Int?
    /// The files that the conversion reads in addition to the weights, whether they exist or not.
    package static let describingFiles = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "1_Pooling/config.json", "model.safetensors.index.json",
    ]
    /// Tensors that ggml adds to F32 values, so that they must be F32 too.
    private static let addedTensors: Set<String> = ["position_embd.weight", "token_types.weight"]
    /// The number of bytes read at once.
    private static let chunk = 32 << 20
    /// The maximum number of bytes of a row. The longest rows of known models have some hundred thousand.
    private static let longestRow = 64 << 20

    /// Prepares a conversion.
    /// - name: the model's name in the file's metadata.
    /// - freeBytes: returns the number of bytes that can be written to a folder; nil if unknown.
    package init(folder: HubFolder, name: String, freeBytes: @escaping (String) -> Int? = DiskSpace.free) {
        self.folder = folder
        self.name = name
        self.freeBytes = freeBytes
    }

    /// Converts the folder into a GGUF file at `path`. Writes a temporary file and renames it when it is complete; blocks until then.
    /// - progress: receives the number of bytes written and the total; an error that it throws ends the conversion.
    package func convert(to path: String, progress: (Int, Int) throws(FormatError) -> Void = { _, _ in }) throws(FormatError) {
        let aside = UnfinishedFiles.path(for: path)
        let (metadata, tensors) = try plan()
        let total = tensors.reduce(0) { $0.saturated(adding: $1.entry.bytes) }
        defer { try? FileManager.default.removeItem(atPath: aside) }
        let writer = try GGUFWriter(
            path: aside, metadata: metadata, tensors: tensors.map(\.entry), freeBytes: freeBytes((path as NSString).deletingLastPathComponent))
        var written = 0
        for tensor in tensors {
            try write(tensor, writer) { bytes throws(FormatError) in
                written += bytes
                try progress(written, total)
            }
        }
        try writer.close()
        guard rename(aside, path) == 0 else { throw FormatError("\(path) cannot be written") }
    }

    // MARK: Planning

    private func plan() throws(FormatError) -> (metadata: [(String, GGUFWriter.Value)], tensors: [Planned]) {
        guard let className = folder.className else { throw FormatError("config.json does not name the model's class") }
        let family = try ModelFamily.of(className: className)
        let tokenizer = try TokenizerConverter(
            folder, tokenCount: family.architecture.hasPrefix("gemma") ? nil : folder.config["vocab_size"]?.intValue)
        let config = FamilyConfig(
            json: folder.config, className: className, pooling: try folder.file("1_Pooling/config.json"), tokenCount: tokenizer.entries.count)
        let tensors = try self.tensors(of: family, config)
        let type = tensors.contains { $0.entry.type == .bf16 } ? 32 : 1
        let metadata =
            [
                ("general.architecture", .string(family.architecture)), ("general.name", .string(name)), ("general.type", .string("model")),
                ("general.file_type", .unsigned(type)), ("general.alignment", .unsigned(32)),
            ] + (try family.metadata(config)) + tokenizer.metadata
        return (metadata, tensors)
    }

    private func tensors(of family: ModelFamily, _ config: FamilyConfig) throws(FormatError) -> [Planned] {
        var planned: [Planned] = []
        for path in folder.weights {
            let file = try SafeTensorsFile(path: path)
            for (name, tensor) in file.tensors.sorted(by: { $0.value.range.lowerBound < $1.value.range.lowerBound }) {
                guard let (target, transform) = try family.tensor(name, config) else { continue }
                guard let type = ValueType(rawValue: tensor.type) else {
                    throw FormatError("the tensor \(name) has values of the type \(tensor.type); F32, F16 and BF16 can be converted")
                }
                planned.append(try plan(target, tensor, type, transform, file.file))
            }
        }
        guard !planned.isEmpty else { throw FormatError("\(folder.path) contains no weights") }
        guard Set(planned.map(\.entry.name)).count == planned.count else {
            throw FormatError("two tensors would have the same name after the conversion")
        }
        for (name, values) in try family.extra(config) {
            planned.append(Planned(entry: .init(name: name, shape: [values.count], type: .f32), source: nil, values: values))
        }
        return planned
    }

    private func plan(
        _ name: String, _ tensor: SafeTensorsFile.Tensor, _ type: ValueType, _ transform: Transform, _ file: ByteFile
    ) throws(FormatError) -> Planned {
        var shape = tensor.shape
        guard !shape.isEmpty, !shape.contains(0) else { throw FormatError("the tensor \(name) is empty") }
        if let rows = transform.rows {
            guard rows <= shape[0] else { throw FormatError("the tensor \(name) has \(shape[0]) rows, but the tokenizer has \(rows) tokens") }
            shape[0] = rows
        }
        guard tensor.range.count / tensor.shape[0] <= Self.longestRow else { throw FormatError("the rows of the tensor \(name) are too long") }
        if let heads = transform.rotaryHeads, heads > shape[0] || shape[0] % (2 * heads) != 0 {
            throw FormatError("the rows of the tensor \(name) cannot be divided into \(heads) heads")
        }
        // Norms and biases are stored as F32, which is exact. Matrices keep their type, except that F32 becomes F16, which halves their size.
        let staysExact = shape.count == 1 || Self.addedTensors.contains(name)
        let target: ValueType = staysExact ? .f32 : type == .f32 ? .f16 : type
        return Planned(
            entry: .init(name: name, shape: shape.reversed(), type: target), source: (file, tensor, type), transform: transform)
    }

    // MARK: Writing

    private func write(
        _ planned: Planned, _ writer: GGUFWriter, _ progress: (Int) throws(FormatError) -> Void
    ) throws(FormatError) {
        guard let (file, tensor, type) = planned.source else {
            let bytes = planned.values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
            try writer.write(bytes)
            try progress(bytes.count)
            return try writer.align(after: planned.entry)
        }
        let rows = planned.entry.shape.last ?? 1
        let rowBytes = tensor.shape.dropFirst().reduce(type.bytes, *)
        var row = 0
        while row < rows {
            // Permuted rows are read one by one.
            let count = planned.transform.rotaryHeads == nil ? min(rows - row, max(1, Self.chunk / rowBytes)) : 1
            let begin = tensor.range.lowerBound + planned.transform.sourceRow(of: row, rows: rows) * rowBytes
            let bytes = try file.read(begin..<begin + count * rowBytes)
            let converted = TensorValues.convert(bytes, from: type, to: planned.entry.type, adding: planned.transform.offset)
            try writer.write(converted)
            try progress(converted.count)
            row += count
        }
        try writer.align(after: planned.entry)
    }
}
