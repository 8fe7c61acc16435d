import ShimmyConversion
import ShimmyFormats

/// Importance matrices in the format that llama.cpp used before GGUF: the number of entries, then for each entry the length of a tensor's name,
/// the name, the number of calls, the number of values, and the values. All numbers have 32 bits and are little-endian.
enum ImatrixFile {
    /// Returns the file's whole name, by which users know it, or nil if an importance matrix cannot have this name.
    static func name(_ name: String) -> FileName? {
        let lower = name.lowercased()
        return (lower.hasSuffix(".dat") || lower.hasSuffix(".imatrix")) && !name.hasPrefix(".") ? FileName(whole: name) : nil
    }

    /// Returns whether the file starts like such a matrix, or is a matrix in GGUF format.
    static func isOne(_ path: String) -> Bool {
        guard let file = try? ByteFile(path: path), file.size >= 16, let head = try? file.read(0..<min(file.size, 512)) else { return false }
        if head.starts(with: "GGUF".utf8) { return (try? GGUFHeader.read(path: path))?.metadata["general.type"]?.stringValue == "imatrix" }
        func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(head[offset + $1]) << (8 * $1) } }
        let (entries, length) = (number(0), number(4))
        guard (1...100_000).contains(entries), (1...256).contains(length), 16 + length <= head.count else { return false }
        let name = head[8..<8 + length]
        guard name.allSatisfy({ (0x21...0x7E).contains($0) }), name.contains(UInt8(ascii: ".")) else { return false }
        let (calls, values) = (number(8 + length), number(12 + length))
        return calls >= 0 && values > 0 && values <= (file.size - 16 - length) / 4
    }
}
