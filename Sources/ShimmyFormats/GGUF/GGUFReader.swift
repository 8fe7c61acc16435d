extension GGUFHeader {
    private static let magic: UInt32 = 0x4655_4747  // "GGUF"
    private static let longestKey = 65_535
    /// Chat templates are the longest strings in headers; the longest known one has about 30 kB.
    private static let longestString = 4 << 20
    private static let mostDimensions: UInt32 = 4
    /// A vocabulary of a million tokens with its merges is far below this limit.
    private static let longestHeader = 512 << 20
    /// The max total bytes of all texts that are kept: keys, values and tensor names.
    private static let mostText = 64 << 20
    /// A sparse file can claim any number. The largest known models have about 30 thousand tensors, and headers some hundred entries.
    private static let mostTensors = 1 << 17
    private static let mostMetadata = 1 << 16
    private static let vocabularyKey = "tokenizer.ggml.tokens"

    /// Reads the header of a file. Throws `FormatError` unless the file is a complete and valid GGUF file of version 2 or 3.
    /// - token: receives each token of the vocabulary, in order.
    package static func read(path: String, token: (([UInt8]) -> Void)? = nil) throws(FormatError) -> GGUFHeader {
        var reader = try FileReader(path: path)
        guard reader.size >= 24 else { throw FormatError("it is too short for a GGUF file (\(reader.size) bytes)") }
        guard try reader.integer(UInt32.self) == magic else { throw FormatError("it is not a GGUF file") }
        let version = try reader.integer(UInt32.self)
        guard version == 2 || version == 3 else {
            if version.byteSwapped == 2 || version.byteSwapped == 3 { throw FormatError("it is for big-endian machines") }
            throw FormatError("its GGUF version is \(version); 2 and 3 are supported")
        }
        // A tensor entry has at least 32 bytes, a metadata entry 13.
        let tensorCount = try reader.count(unit: 32)
        let metadataCount = try reader.count(unit: 13)
        guard tensorCount <= mostTensors, metadataCount <= mostMetadata else {
            throw FormatError("its header claims \(tensorCount) tensors and \(metadataCount) metadata entries, which is too many")
        }
        let metadata = try metadata(metadataCount, &reader, token)
        var tensors: [GGUFTensor] = []
        var names: Set<String> = []
        for _ in 0..<tensorCount {
            let tensor = try tensor(&reader)
            guard names.insert(tensor.name).inserted else { throw FormatError("its header has the tensor \(tensor.name) twice") }
            tensors.append(tensor)
            try check(reader)
        }
        try check(tensors, alignment: metadata["general.alignment"]?.intValue ?? 32, headerEnd: reader.position, size: reader.size)
        return GGUFHeader(version: Int(version), metadata: metadata, tensors: tensors)
    }

    private static func metadata(
        _ count: Int, _ reader: inout FileReader, _ token: (([UInt8]) -> Void)?
    ) throws(FormatError) -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        for _ in 0..<count {
            let key = try reader.string(limit: longestKey)
            guard !key.isEmpty else { throw FormatError("its header has an entry without a name") }
            guard metadata[key] == nil else { throw FormatError("its header has the entry \(key) twice") }
            metadata[key] = try value(&reader, token: key == vocabularyKey ? token : nil)
            try check(reader)
        }
        return metadata
    }

    private static func check(_ reader: borrowing FileReader) throws(FormatError) {
        guard reader.position <= longestHeader, reader.textBytes <= mostText else { throw FormatError("its header is too long") }
    }

    private static func value(_ reader: inout FileReader, token: (([UInt8]) -> Void)?) throws(FormatError) -> GGUFValue {
        switch try valueType(&reader) {
        case .uint8: return .unsigned(UInt64(try reader.integer(UInt8.self)))
        case .int8: return .integer(Int64(Int8(bitPattern: try reader.integer(UInt8.self))))
        case .uint16: return .unsigned(UInt64(try reader.integer(UInt16.self)))
        case .int16: return .integer(Int64(Int16(bitPattern: try reader.integer(UInt16.self))))
        case .uint32: return .unsigned(UInt64(try reader.integer(UInt32.self)))
        case .int32: return .integer(Int64(Int32(bitPattern: try reader.integer(UInt32.self))))
        case .uint64: return .unsigned(try reader.integer(UInt64.self))
        case .int64: return .integer(Int64(bitPattern: try reader.integer(UInt64.self)))
        case .float32: return .float(Float(bitPattern: try reader.integer(UInt32.self)))
        case .float64: return .double(Double(bitPattern: try reader.integer(UInt64.self)))
        case .bool: return .bool(try reader.integer(UInt8.self) != 0)
        case .string: return .string(try reader.string(limit: longestString))
        case .array: return try array(&reader, token)
        }
    }

    private static func valueType(_ reader: inout FileReader) throws(FormatError) -> GGUFValueType {
        let number = try reader.integer(UInt32.self)
        guard let type = GGUFValueType(rawValue: number) else { throw FormatError("its header has a value of the unknown type \(number)") }
        return type
    }

    private static func array(_ reader: inout FileReader, _ token: (([UInt8]) -> Void)?) throws(FormatError) -> GGUFValue {
        let type = try valueType(&reader)
        guard type != .array else { throw FormatError("its header has an array of arrays") }
        let count = try reader.count(unit: type.size ?? 8)
        if let size = type.size {
            try reader.skip(count * size)
        } else {
            for _ in 0..<count {
                if let token { token(try reader.bytes(limit: longestKey)) } else { try reader.skip(try reader.count(unit: 1)) }
                guard reader.position <= longestHeader else { throw FormatError("its header is longer than \(longestHeader) bytes") }
            }
        }
        return .array(of: type, count: count)
    }

    private static func tensor(_ reader: inout FileReader) throws(FormatError) -> GGUFTensor {
        let name = try reader.string(limit: longestKey)
        let dimensions = try reader.integer(UInt32.self)
        guard dimensions <= mostDimensions else { throw FormatError("its tensor \(name) has \(dimensions) dimensions") }
        var shape: [Int] = []
        var elements = 1
        for _ in 0..<dimensions {
            let length = try reader.integer(UInt64.self)
            let (product, overflow) = elements.multipliedReportingOverflow(by: Int(exactly: length) ?? .max)
            guard length <= Int.max, !overflow else { throw FormatError("its tensor \(name) is impossibly large") }
            shape.append(Int(length))
            elements = product
        }
        let number = try reader.integer(UInt32.self)
        guard let type = GGMLType(number: number) else { throw FormatError("its tensor \(name) has the unknown type \(number)") }
        let offset = try reader.integer(UInt64.self)
        guard (shape.first ?? 1) % type.blockLength == 0 else {
            throw FormatError("the row length of its tensor \(name) is not a multiple of the block length of \(type.name)")
        }
        let (bytes, overflow) = (elements / type.blockLength).multipliedReportingOverflow(by: type.blockBytes)
        guard !overflow, let start = Int(exactly: offset) else { throw FormatError("its tensor \(name) is impossibly large") }
        return GGUFTensor(name: name, shape: shape, type: type, offset: start, sizeBytes: bytes)
    }

    /// Checks that every tensor's data lies within the file, so that a truncated download is detected here and not during the load.
    private static func check(_ tensors: [GGUFTensor], alignment: Int, headerEnd: Int, size: Int) throws(FormatError) {
        guard alignment > 0, alignment <= 1 << 20, alignment & (alignment - 1) == 0 else {
            throw FormatError("its alignment is not valid: \(alignment)")
        }
        let dataStart = (headerEnd + alignment - 1) / alignment * alignment
        for tensor in tensors {
            let (end, overflow) = tensor.offset.addingReportingOverflow(tensor.sizeBytes)
            guard !overflow, end <= Int.max - dataStart else { throw FormatError("its tensor \(tensor.name) is impossibly large") }
            guard dataStart + end <= size else {
                throw FormatError("it is truncated: tensor \(tensor.name) ends at byte \(dataStart + end), the file at \(size)")
            }
        }
        try checkApart(tensors)
    }

    /// Checks that tensors do not overlap. With shared bytes, a small file could claim any number of values. llama.cpp rejects such files too.
    private static func checkApart(_ tensors: [GGUFTensor]) throws(FormatError) {
        var end = 0
        for tensor in tensors.filter({ $0.sizeBytes > 0 }).sorted(by: { $0.offset < $1.offset }) {
            guard tensor.offset >= end else { throw FormatError("its tensor \(tensor.name) overlaps another tensor") }
            end = tensor.offset + tensor.sizeBytes
        }
    }
}
