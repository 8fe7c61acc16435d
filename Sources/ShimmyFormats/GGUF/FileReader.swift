/// A reader of little-endian values that reads a file from its beginning through one buffer, and never past its end. It checks every length
/// against the remaining bytes of the file before it allocates memory.
struct FileReader: ~Copyable {
    private let file: ByteFile
    let size: Int
    private(set) var position = 0
    /// The total bytes of all texts so far.
    private(set) var textBytes = 0
    private var buffer: [UInt8] = []
    private var bufferStart = 0
    private static let chunk = 1 << 18

    init(path: String) throws(FormatError) {
        file = try ByteFile(path: path, name: "it")
        size = file.size
    }

    var remaining: Int { size - position }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(FormatError) -> Value {
        let count = MemoryLayout<Value>.size
        try fill(count)
        var value: Value = 0
        for offset in 0..<count { value |= Value(truncatingIfNeeded: buffer[position - bufferStart + offset]) << Value(8 * offset) }
        position += count
        return value
    }

    mutating func skip(_ count: Int) throws(FormatError) {
        guard count >= 0, count <= remaining else { throw cut() }
        position += count
    }

    /// Reads a count of elements of at least `unit` bytes each. Throws if the elements do not fit into the rest of the file.
    mutating func count(unit: Int) throws(FormatError) -> Int {
        let value = try integer(UInt64.self)
        guard let count = Int(exactly: value), count <= remaining / unit else { throw cut() }
        return count
    }

    /// Reads a string of at most `limit` bytes. Throws if the string is longer, because longer ones are not worth keeping.
    mutating func string(limit: Int) throws(FormatError) -> String {
        let bytes = try bytes(limit: limit)
        textBytes += bytes.count
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func bytes(limit: Int) throws(FormatError) -> [UInt8] {
        let length = try count(unit: 1)
        guard length <= limit else { throw FormatError("a string in its header is too long: \(length) bytes") }
        try fill(length)
        defer { position += length }
        return Array(buffer[(position - bufferStart)..<(position - bufferStart + length)])
    }

    private func cut() -> FormatError { FormatError("its header is truncated or damaged at byte \(position) of \(size)") }

    /// Ensures that the next `count` bytes are in the buffer.
    private mutating func fill(_ count: Int) throws(FormatError) {
        guard count <= remaining else { throw cut() }
        if position >= bufferStart, position + count <= bufferStart + buffer.count { return }
        let wanted = min(max(count, Self.chunk), remaining)
        do {
            buffer = try file.read(position..<position + wanted)
        } catch {
            throw FormatError(error.description)
        }
        bufferStart = position
    }
}
