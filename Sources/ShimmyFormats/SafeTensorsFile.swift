import ShimmyJSON

/// The value types that can be converted.
package enum ValueType: String {
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"

    package var bytes: Int { self == .f32 ? 4 : 2 }
}

/// A SafeTensors file: the length of the header in eight bytes, the header in JSON, then the values (github.com/huggingface/safetensors, "Format").
package struct SafeTensorsFile {
    package struct Tensor {
        package let type: String
        /// The dimensions, the number of rows first.
        package let shape: [Int]
        /// The range of the tensor's bytes in the file.
        package let range: Range<Int>
    }

    package let file: ByteFile
    package let tensors: [String: Tensor]
    /// The maximum number of bytes of the header. The format's own implementation allows more; headers of real files have a hundred bytes for each of
    /// some thousand tensors.
    private static let longestHeader = 16 << 20
    private static let mostValues = 1 << 20

    /// Reads the header. Throws `FormatError` if the file is truncated or damaged.
    package init(path: String) throws(FormatError) {
        file = try ByteFile(path: path)
        guard file.size >= 8 else { throw FormatError("\(path) is too short for a SafeTensors file") }
        let length = try file.read(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length >= 2, length <= UInt64(min(Self.longestHeader, file.size - 8)) else {
            throw FormatError("the header of \(path) is truncated or damaged")
        }
        let start = 8 + Int(length)
        let header: JSON
        do {
            header = try JSON.parse(try file.read(8..<start), limits: JSONLimits(bytes: Self.longestHeader, values: Self.mostValues))
        } catch let error as FormatError {
            throw error
        } catch {
            throw FormatError("the header of \(path) is not JSON")
        }
        guard let entries = header.objectValue else { throw FormatError("the header of \(path) is not a JSON object") }
        var tensors: [String: Tensor] = [:]
        for (name, entry) in entries where name != "__metadata__" {
            guard let tensor = Self.tensor(entry, from: start, size: file.size) else {
                throw FormatError("the entry of tensor \(name) in \(path) is damaged")
            }
            tensors[name] = tensor
        }
        self.tensors = tensors
        if let name = Self.overlapping(tensors) { throw FormatError("the tensor \(name) in \(path) overlaps another tensor") }
    }

    /// Returns the name of a tensor that overlaps another one; nil if there is none. With overlaps, a small file could be converted into one of any
    /// size.
    private static func overlapping(_ tensors: [String: Tensor]) -> String? {
        var end = 0
        for (name, tensor) in tensors.filter({ !$0.value.range.isEmpty }).sorted(by: { $0.value.range.lowerBound < $1.value.range.lowerBound }) {
            if tensor.range.lowerBound < end { return name }
            end = tensor.range.upperBound
        }
        return nil
    }

    private static func tensor(_ entry: JSON, from start: Int, size: Int) -> Tensor? {
        guard let type = entry["dtype"]?.stringValue, let dimensions = entry["shape"]?.arrayValue, dimensions.count <= 8,
            let offsets = entry["data_offsets"]?.arrayValue, offsets.count == 2, let begin = offsets[0].intValue, let end = offsets[1].intValue,
            begin >= 0, begin <= end, end <= size - start
        else { return nil }
        var shape: [Int] = []
        var count = 1
        for dimension in dimensions {
            guard let length = dimension.intValue, length >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow else { return nil }
            shape.append(length)
            count = product
        }
        if let known = ValueType(rawValue: type) {
            let (bytes, overflow) = count.multipliedReportingOverflow(by: known.bytes)
            guard !overflow, bytes == end - begin else { return nil }
        }
        return Tensor(type: type, shape: shape, range: start + begin..<start + end)
    }
}
