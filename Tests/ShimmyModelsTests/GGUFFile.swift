import Foundation

/// A builder of small GGUF files for tests, valid and invalid ones.
struct GGUFFile {
    var version: UInt32 = 3
    var metadata: [(key: String, type: UInt32, bytes: [UInt8])] = []
    var tensors: [(name: String, shape: [UInt64], type: UInt32, offset: UInt64)] = []
    var dataBytes = 0
    /// The total size in bytes of the tensors that `addTensor` appended.
    private(set) var claimedBytes = 0
    /// Counts for the header that replace the true ones; nil for the true ones.
    var claimedTensors: UInt64?
    var claimedMetadata: UInt64?

    static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
    static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

    mutating func add(_ key: String, _ text: String) { metadata.append((key, 8, Self.string(text))) }
    mutating func add(_ key: String, _ number: UInt32) { metadata.append((key, 4, Self.little(number))) }
    mutating func add(_ key: String, _ flag: Bool) { metadata.append((key, 7, [flag ? 1 : 0])) }
    mutating func add(_ key: String, strings: [String]) {
        metadata.append((key, 9, Self.little(UInt32(8)) + Self.little(UInt64(strings.count)) + strings.flatMap(Self.string)))
    }

    var bytes: [UInt8] {
        var bytes = Array("GGUF".utf8) + Self.little(version)
        bytes += Self.little(claimedTensors ?? UInt64(tensors.count)) + Self.little(claimedMetadata ?? UInt64(metadata.count))
        for entry in metadata { bytes += Self.string(entry.key) + Self.little(entry.type) + entry.bytes }
        for tensor in tensors {
            bytes += Self.string(tensor.name) + Self.little(UInt32(tensor.shape.count)) + tensor.shape.flatMap(Self.little)
            bytes += Self.little(tensor.type) + Self.little(tensor.offset)
        }
        while bytes.count % 32 != 0 { bytes.append(0) }
        return bytes + [UInt8](repeating: 7, count: dataBytes)
    }

    /// Appends a Q4_1 tensor whose values are not read.
    mutating func addTensor(_ name: String, _ shape: [Int]) {
        tensors.append((name, shape.map(UInt64.init), 3, UInt64(claimedBytes)))
        claimedBytes += shape.reduce(1, *) / 32 * 20
    }

    /// Writes a sparse file of the size that its tensors require, and returns its path.
    func writeSparse(to folder: TemporaryFolder) throws -> String {
        let head = bytes
        let path = try folder.write(head, to: "sparse.gguf")
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.truncate(atOffset: UInt64(head.count + claimedBytes))
        try file.close()
        return path
    }

    /// Returns a LoRA adapter for the single matrix of `model`.
    static func adapter(architecture: String = "llama", rank: UInt64 = 2, rows: UInt64 = 4) -> GGUFFile {
        var file = GGUFFile()
        file.add("general.type", "adapter")
        file.add("general.architecture", architecture)
        file.add("adapter.type", "lora")
        file.metadata.append(("adapter.lora.alpha", 6, little(Float(4).bitPattern)))
        file.tensors = [("weights.lora_a", [64, rank], 0, 0), ("weights.lora_b", [rank, rows], 0, 256 * rank)]
        file.dataBytes = Int(256 * rank + 4 * rank * rows)
        return file
    }

    /// Returns a model with a 64 x 4 Q4_1 tensor and an F32 tensor.
    static func model(architecture: String = "llama", fileType: UInt32 = 3, context: UInt32 = 2048) -> GGUFFile {
        var file = GGUFFile()
        file.add("general.architecture", architecture)
        file.add("general.file_type", fileType)
        file.add("\(architecture).context_length", context)
        file.add("tokenizer.chat_template", "{{ messages }}")
        file.add("tokenizer.ggml.tokens", strings: ["a", "bc", "def"])
        file.tensors = [("weights", [64, 4], 3, 0), ("norm", [8], 0, 160)]
        file.dataBytes = 192
        return file
    }
}

/// A folder that is deleted with the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shimmy-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else { throw CocoaError(.fileWriteUnknown) }
        return file
    }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

    func link(_ name: String, to target: String) throws {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: target)
    }
}
