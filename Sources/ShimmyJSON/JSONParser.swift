// The parser: strict RFC 8259, in one pass over the bytes.

extension JSON {
    /// Parses one value, with only white space around it. A byte order mark at the start is skipped.
    ///
    /// The last value of a repeated key wins, at the index of the first.
    package static func parse(_ bytes: some Collection<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSON {
        // `withContiguousStorageIfAvailable` does not support typed throws, so the closure returns the error in a result.
        let result = bytes.withContiguousStorageIfAvailable { bytes in
            Result { () throws(JSONError) in try JSONParser.parse(bytes, limits: limits) }
        }
        if let result { return try result.get() }
        return try parse(Array(bytes), limits: limits)
    }

    package static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSON {
        try parse(text.utf8, limits: limits)
    }
}

/// The parser's position in the text. The methods for scalars are in JSONParser+Scalars.swift.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let limits: JSONLimits
    private var values = 0
    var position = 0

    private init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes, limits: limits)
        guard bytes.count <= limits.bytes else {
            throw parser.error("larger than \(limits.bytes) bytes", at: max(limits.bytes, 0), limit: .bytes)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }
        parser.skipWhitespace()
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.next == nil else { throw parser.expected("the end of the text after the value") }
        return value
    }

    /// Parses the value at `position`, inside `depth` arrays and objects.
    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        values += 1
        guard values <= limits.values else { throw error("more than \(limits.values) values", limit: .values) }
        if values & 0xFFF == 0, limits.isStopped?() == true { throw error("stopped", limit: .stopped) }
        return switch next {
        case UInt8(ascii: "{"): .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): .array(try array(depth: depth + 1))
        default: try scalar()
        }
    }

    /// Parses a scalar. This is separate from `value`, which recurses, so that the temporaries of these cases do not add to the stack at each level.
    private mutating func scalar() throws(JSONError) -> JSON {
        guard let next else { throw expected("a value") }
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw expected("a value")
        }
    }

    private mutating func word(_ word: String, _ value: JSON) throws(JSONError) -> JSON {
        let start = position
        for byte in word.utf8 {
            guard take(byte) else { throw expected("a value", at: start) }
        }
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
        try open(depth: depth)
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            skipWhitespace()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw expected("',' or ']' after an array element") }
            skipWhitespace()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        try open(depth: depth)
        var object = JSONObject()
        if take(UInt8(ascii: "}")) { return object }
        while true {
            guard next == UInt8(ascii: "\"") else { throw expected("a member name in double quotes") }
            let key = try string()
            skipWhitespace()
            guard take(UInt8(ascii: ":")) else { throw expected("':' after a member name") }
            skipWhitespace()
            object[key] = try value(depth: depth)
            skipWhitespace()
            if take(UInt8(ascii: "}")) { return object }
            guard take(UInt8(ascii: ",")) else { throw expected("',' or '}' after an object member") }
            skipWhitespace()
        }
    }

    /// Advances past the bracket that makes the nesting `depth` levels deep. Throws if that is too deep.
    private mutating func open(depth: Int) throws(JSONError) {
        guard depth <= limits.depth else { throw error("nested more than \(limits.depth) levels deep", limit: .depth) }
        position += 1
        skipWhitespace()
    }
}

// MARK: - Bytes

extension JSONParser {
    var next: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// Advances past the next byte if it equals `byte`; returns whether it does.
    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    func expected(_ what: String, at offset: Int? = nil) -> JSONError {
        error(next == nil ? "unexpected end of the text, expected \(what)" : "expected \(what)", at: offset)
    }

    func error(_ message: String, at offset: Int? = nil, limit: JSONError.Limit? = nil) -> JSONError {
        var error = JSONError(message, at: offset ?? position, in: bytes, limit: limit)
        error.isAtEnd = next == nil && limit == nil
        return error
    }
}
