import ShimmyConversion

/// Reads a file from its beginning in little-endian pieces, through one buffer, and never past its end.
/// Every length is checked against what is left of the file before anything is allocated for it.
struct FileReader: ~Copyable {
    private let file: ByteFile
    let size: Int
    private(set) var position = 0
    /// Bytes of all texts so far.
    private(set) var textBytes = 0
    private var buffer: [UInt8] = []
    private var bufferStart = 0
    private static let chunk = 1 << 18

    init(path: String) throws(GGUFError) {
        do {
            file = try ByteFile(path: path, name: "it")
        } catch {
            throw GGUFError(error.description)
        }
        size = file.size
    }

    var remaining: Int { size - position }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(GGUFError) -> Value {
        let count = MemoryLayout<Value>.size
        try fill(count)
        var value: Value = 0
        for offset in 0..<count { value |= Value(truncatingIfNeeded: buffer[position - bufferStart + offset]) << Value(8 * offset) }
        position += count
        return value
    }

    mutating func skip(_ count: Int) throws(GGUFError) {
        guard count >= 0, count <= remaining else { throw cut() }
        position += count
    }

    /// A count of things of at least `unit` bytes each, which must fit into the rest of the file.
    mutating func count(unit: Int) throws(GGUFError) -> Int {
        let value = try integer(UInt64.self)
        guard let count = Int(exactly: value), count <= remaining / unit else { throw cut() }
        return count
    }

    /// A string of at most `limit` bytes; longer ones are not worth keeping and end the reading.
    mutating func string(limit: Int) throws(GGUFError) -> String {
        let bytes = try bytes(limit: limit)
        textBytes += bytes.count
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func bytes(limit: Int) throws(GGUFError) -> [UInt8] {
        let length = try count(unit: 1)
        guard length <= limit else { throw GGUFError("a text in its header is \(length) bytes long") }
        try fill(length)
        defer { position += length }
        return Array(buffer[(position - bufferStart)..<(position - bufferStart + length)])
    }

    private func cut() -> GGUFError { GGUFError("its header is cut or damaged at byte \(position) of \(size)") }

    /// Makes the next `count` bytes be in the buffer.
    private mutating func fill(_ count: Int) throws(GGUFError) {
        guard count <= remaining else { throw cut() }
        if position >= bufferStart, position + count <= bufferStart + buffer.count { return }
        let wanted = min(max(count, Self.chunk), remaining)
        do {
            buffer = try file.read(position..<position + wanted)
        } catch {
            throw GGUFError(error.description)
        }
        bufferStart = position
    }
}
