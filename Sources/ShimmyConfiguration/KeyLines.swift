/// The line of each key in a TOML text. The parser reports a line only for a syntax error, but users need a line for every mistake. The text must be
/// one that the parser has accepted.
struct KeyLines {
    /// The lines by path. A character that no key contains joins the parts of a path. Elements of arrays of tables are numbered.
    private var lines: [String: Int] = [:]
    private var counts: [String: Int] = [:]
    private var bytes: ArraySlice<UInt8>
    private var line = 1

    init(_ text: String) {
        bytes = Array(text.utf8)[...]
        var table: [String] = []
        while skipBlanks() {
            if bytes.first == UInt8(ascii: "[") {
                table = header()
            } else {
                let start = line
                note(table + keys(until: UInt8(ascii: "=")), start)
                skipValue()
            }
        }
    }

    /// Returns the line of a key, or of the nearest enclosing key or table that has a line; nil if there is none.
    func line(of path: [String]) -> Int? {
        for length in stride(from: path.count, through: 1, by: -1) {
            if let line = lines[Self.joined(path.prefix(length))] { return line }
        }
        return nil
    }

    private static func joined(_ path: some Sequence<String>) -> String { path.joined(separator: "\u{1f}") }

    private mutating func note(_ path: [String], _ line: Int) {
        // A table that is opened by one of its keys has that key's line.
        for length in 1...max(1, path.count) where lines[Self.joined(path.prefix(length))] == nil { lines[Self.joined(path.prefix(length))] = line }
    }

    /// Reads a header: `[a.b]`, or `[[a.b]]`, whose elements are `a.b.0`, `a.b.1` and so on.
    private mutating func header() -> [String] {
        let start = line
        _ = next()
        let isArray = bytes.first == UInt8(ascii: "[")
        if isArray { _ = next() }
        var path = keys(until: UInt8(ascii: "]"))
        if isArray {
            _ = next()
            let name = Self.joined(path)
            path.append("\(counts[name, default: 0])")
            counts[name, default: 0] += 1
        }
        note(path, start)
        return path
    }

    private mutating func next() -> UInt8? {
        let byte = bytes.popFirst()
        if byte == UInt8(ascii: "\n") { line += 1 }
        return byte
    }

    /// Advances to the next key or header; returns whether there is one.
    private mutating func skipBlanks() -> Bool {
        while let byte = bytes.first {
            switch byte {
            case UInt8(ascii: "#"): skipComment()
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): _ = next()
            default: return true
            }
        }
        return false
    }

    private mutating func skipComment() {
        while let byte = bytes.first, byte != UInt8(ascii: "\n") { _ = next() }
    }

    /// Reads a dotted key and the character that ends it.
    private mutating func keys(until end: UInt8) -> [String] {
        var (keys, key): ([String], [UInt8]) = ([], [])
        while let byte = next(), byte != end {
            switch byte {
            case UInt8(ascii: "."):
                keys.append(String(decoding: key, as: UTF8.self))
                key = []
            case UInt8(ascii: "\""), UInt8(ascii: "'"): key = string(quote: byte)
            case UInt8(ascii: " "), UInt8(ascii: "\t"): continue
            default: key.append(byte)
            }
        }
        return keys + [String(decoding: key, as: UTF8.self)]
    }

    /// Reads the rest of a string on one line. Escapes other than those of quotes and backslashes are not decoded but keep their letters, so that
    /// such keys have no line of their own.
    private mutating func string(quote: UInt8) -> [UInt8] {
        var text: [UInt8] = []
        while let byte = next(), byte != quote {
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), let escaped = next() { text.append(escaped) } else { text.append(byte) }
        }
        return text
    }

    /// Advances to the end of the line on which the value ends. Arrays and multi-line strings take several lines.
    private mutating func skipValue() {
        var depth = 0
        while let byte = bytes.first {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
            case UInt8(ascii: "#"): skipComment()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                _ = next()
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                _ = next()
            case UInt8(ascii: "\n"):
                if depth == 0 { return }
                _ = next()
            default: _ = next()
            }
        }
    }

    private mutating func skipString(_ quote: UInt8) {
        let long = [quote, quote, quote]
        guard bytes.starts(with: long) else {
            _ = next()
            _ = string(quote: quote)
            return
        }
        for _ in 0..<3 { _ = next() }
        while !bytes.isEmpty, !bytes.starts(with: long) {
            if bytes.first == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") { _ = next() }
            _ = next()
        }
        // Up to two quotes may precede the closing ones.
        while bytes.first == quote { _ = next() }
    }
}
