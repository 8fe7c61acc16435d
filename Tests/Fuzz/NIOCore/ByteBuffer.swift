// The part of SwiftNIO's ByteBuffer that the code under test uses, so that the targets need no package. An index out of range traps, as there.

public struct ByteBuffer: Sendable, Equatable {
    private var bytes: [UInt8] = []
    public private(set) var readerIndex = 0

    public init() {}
    public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    public static func == (left: ByteBuffer, right: ByteBuffer) -> Bool {
        left.bytes[left.readerIndex...] == right.bytes[right.readerIndex...]
    }

    public var readableBytes: Int { bytes.count - readerIndex }

    // MARK: Reading

    public func getBytes(at index: Int, length: Int) -> [UInt8]? {
        guard index >= readerIndex, length >= 0, length <= bytes.count, index <= bytes.count - length else { return nil }
        return Array(bytes[index..<index + length])
    }

    public func getInteger<Integer: FixedWidthInteger>(at index: Int, as: Integer.Type = Integer.self) -> Integer? {
        getBytes(at: index, length: Integer.bitWidth / 8)?.reduce(0 as Integer) { ($0 << 8) | Integer(truncatingIfNeeded: $1) }
    }

    public mutating func readInteger<Integer: FixedWidthInteger>(as: Integer.Type = Integer.self) -> Integer? {
        guard let integer = getInteger(at: readerIndex, as: Integer.self) else { return nil }
        readerIndex += Integer.bitWidth / 8
        return integer
    }

    public mutating func readSlice(length: Int) -> ByteBuffer? {
        guard let slice = getBytes(at: readerIndex, length: length) else { return nil }
        readerIndex += length
        return ByteBuffer(bytes: slice)
    }

    public mutating func moveReaderIndex(to index: Int) {
        precondition((0...bytes.count).contains(index))
        readerIndex = index
    }

    public func withUnsafeReadableBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes[readerIndex...].withUnsafeBytes(body)
    }

    public mutating func withUnsafeMutableReadableBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        bytes[readerIndex...].withUnsafeMutableBytes(body)
    }

    // MARK: Writing

    public mutating func reserveCapacity(_ capacity: Int) { bytes.reserveCapacity(capacity) }

    @discardableResult public mutating func writeBytes(_ more: some Sequence<UInt8>) -> Int {
        let count = bytes.count
        bytes += more
        return bytes.count - count
    }

    @discardableResult public mutating func writeInteger<Integer: FixedWidthInteger>(_ integer: Integer) -> Int {
        writeBytes(stride(from: Integer.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: integer >> $0) })
    }

    @discardableResult public mutating func writeImmutableBuffer(_ buffer: ByteBuffer) -> Int { writeBytes(buffer.bytes[buffer.readerIndex...]) }
}
