import Foundation
import ShimmyCore

/// A writer of a GGUF file of version 3 (ggml's docs/gguf.md describes the format): the complete header first, then one tensor after the other.
package struct GGUFWriter {
    /// A value of GGUF's metadata.
    package enum Value {
        case unsigned(Int)
        case float(Double)
        case bool(Bool)
        case string(String)
        case strings([String])
        case integers([Int])
        case floats([Float])
    }

    package struct Entry {
        package let name: String
        /// The dimensions in ggml's order: the length of a row first.
        package let shape: [Int]
        package let type: ValueType

        /// The number of bytes of the tensor; saturates, because a sparse file can claim any size.
        package var bytes: Int { shape.reduce(type.bytes) { $0.saturated(multipliedBy: $1) } }

        package init(name: String, shape: [Int], type: ValueType) {
            self.name = name
            self.shape = shape
            self.type = type
        }
    }

    private static let alignment = 32
    /// The maximum number of bytes of a file. Sums of sizes below it do not overflow.
    private static let largestFile = 1 << 48
    private let handle: FileHandle

    /// Creates the file and writes its header. Throws if there is not enough space.
    /// - freeBytes: the number of bytes that can be written; nil if unknown.
    package init(path: String, metadata: [(String, Value)], tensors: [Entry], freeBytes: Int?) throws(FormatError) {
        let (header, size) = Self.header(metadata, tensors)
        guard size <= Self.largestFile else { throw FormatError("the converted file would have \(size) bytes") }
        if let freeBytes, size > freeBytes {
            throw FormatError("\((path as NSString).deletingLastPathComponent) has \(freeBytes) bytes free, but \(size) are needed")
        }
        guard let handle = UnfinishedFiles.create(path) else { throw FormatError("\(path) cannot be written") }
        self.handle = handle
        try write(header)
    }

    /// Returns the header, and the size of the whole file in bytes.
    private static func header(_ metadata: [(String, Value)], _ tensors: [Entry]) -> (bytes: [UInt8], size: Int) {
        var header = Bytes()
        header.append("GGUF".utf8)
        header.append(UInt32(3))
        header.append(UInt64(tensors.count))
        header.append(UInt64(metadata.count))
        for (key, value) in metadata {
            header.append(text: key)
            header.append(value)
        }
        var offset = 0
        for tensor in tensors {
            header.append(text: tensor.name)
            header.append(UInt32(tensor.shape.count))
            for length in tensor.shape { header.append(UInt64(length)) }
            header.append(tensor.type.number)
            header.append(UInt64(offset))
            offset = offset.saturated(adding: aligned(tensor.bytes))
        }
        header.append([UInt8](repeating: 0, count: aligned(header.bytes.count) - header.bytes.count))
        return (header.bytes, offset.saturated(adding: header.bytes.count))
    }

    /// Writes values. Tensors must be written in the order of the entries.
    package func write(_ bytes: [UInt8]) throws(FormatError) {
        do {
            try handle.write(contentsOf: bytes)
        } catch {
            throw FormatError("the converted file cannot be written: \(error)")
        }
    }

    /// Pads the file to the alignment. Must be called after each tensor's values.
    package func align(after entry: Entry) throws(FormatError) {
        try write([UInt8](repeating: 0, count: Self.aligned(entry.bytes) - entry.bytes))
    }

    /// Closes the file. All data is on the disk when it returns.
    package func close() throws(FormatError) {
        do {
            try handle.synchronize()
            try handle.close()
        } catch {
            throw FormatError("the converted file cannot be written: \(error)")
        }
    }

    private static func aligned(_ count: Int) -> Int { count.saturated(adding: alignment - 1) / alignment * alignment }
}

private struct Bytes {
    var bytes: [UInt8] = []

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(text: String) {
        append(UInt64(text.utf8.count))
        append(text.utf8)
    }

    /// Appends a metadata value. The numbers of the types are those of `GGUFValueType`.
    mutating func append(_ value: GGUFWriter.Value) {
        switch value {
        case .unsigned(let number):
            append(UInt32(4))
            append(UInt32(truncatingIfNeeded: number))
        case .float(let number):
            append(UInt32(6))
            append(Float(number).bitPattern)
        case .bool(let flag):
            append(UInt32(7))
            append(UInt8(flag ? 1 : 0))
        case .string(let text):
            append(UInt32(8))
            append(text: text)
        case .strings(let texts):
            appendArray(type: 8, count: texts.count)
            for text in texts { append(text: text) }
        case .integers(let numbers):
            appendArray(type: 5, count: numbers.count)
            for number in numbers { append(Int32(truncatingIfNeeded: number)) }
        case .floats(let numbers):
            appendArray(type: 6, count: numbers.count)
            for number in numbers { append(number.bitPattern) }
        }
    }

    private mutating func appendArray(type: UInt32, count: Int) {
        append(UInt32(9))
        append(type)
        append(UInt64(count))
    }
}

extension ValueType {
    /// The type's number in ggml.
    var number: UInt32 {
        switch self {
        case .f32: 0
        case .f16: 1
        case .bf16: 30
        }
    }
}
