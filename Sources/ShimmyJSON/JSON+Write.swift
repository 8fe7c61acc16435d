// Serialization: JSON values to text.

extension JSON {
    /// Appends the value on one line without spaces, with members in their order and numbers as they were written.
    package func write(into buffer: inout [UInt8]) {
        write(into: &buffer, layout: nil)
    }

    package func serialized() -> [UInt8] {
        var buffer: [UInt8] = []
        write(into: &buffer)
        return buffer
    }

    /// The text that `write(into:)` writes.
    package var text: String {
        String(decoding: serialized(), as: UTF8.self)
    }

    /// Returns the value with one member or element per line, as Python's `json.dumps(…, indent=2)` prints it, without a line feed at the end.
    package func pretty(indent: Int = 2) -> String {
        var buffer: [UInt8] = []
        write(into: &buffer, layout: Layout(indent: indent, level: 0))
        return String(decoding: buffer, as: UTF8.self)
    }

    /// The indentation of a value that spans several lines.
    private struct Layout {
        let indent: Int
        var level: Int

        func breakLine(_ buffer: inout [UInt8]) {
            buffer.append(UInt8(ascii: "\n"))
            buffer.append(contentsOf: repeatElement(UInt8(ascii: " "), count: max(indent * level, 0)))
        }
    }

    /// - layout: nil for one line.
    private func write(into buffer: inout [UInt8], layout: Layout?) {
        switch self {
        case .null: buffer += "null".utf8
        case .bool(let value): buffer += (value ? "true" : "false").utf8
        case .number(let number): buffer += number.literal.utf8
        case .string(let string): Self.writeString(string, into: &buffer)
        case .array(let elements):
            Self.writeList(elements, in: ("[", "]"), into: &buffer, layout: layout) { element, buffer, inner in
                element.write(into: &buffer, layout: inner)
            }
        case .object(let object):
            Self.writeList(object, in: ("{", "}"), into: &buffer, layout: layout) { member, buffer, inner in
                Self.writeString(member.key, into: &buffer)
                buffer += (inner == nil ? ":" : ": ").utf8
                member.value.write(into: &buffer, layout: inner)
            }
        }
    }

    private static func writeList<Items: Sequence>(
        _ items: Items, in brackets: (open: String, close: String), into buffer: inout [UInt8], layout: Layout?,
        item writeItem: (Items.Element, inout [UInt8], Layout?) -> Void
    ) {
        var inner = layout
        inner?.level += 1
        buffer += brackets.open.utf8
        var isEmpty = true
        for item in items {
            if !isEmpty { buffer.append(UInt8(ascii: ",")) }
            isEmpty = false
            inner?.breakLine(&buffer)
            writeItem(item, &buffer, inner)
        }
        if !isEmpty { layout?.breakLine(&buffer) }
        buffer += brackets.close.utf8
    }
}

// MARK: - Strings

extension JSON {
    /// Appends a string literal with its quotation marks. Only the characters that must be escaped are escaped; all others are copied in runs.
    package static func writeString(_ string: String, into buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { bytes in
            var written = 0
            for (position, byte) in bytes.enumerated() where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                buffer += bytes[written..<position]
                writeEscape(byte, into: &buffer)
                written = position + 1
            }
            buffer += bytes[written...]
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private static func writeEscape(_ byte: UInt8, into buffer: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): buffer += #"\""#.utf8
        case UInt8(ascii: "\\"): buffer += #"\\"#.utf8
        case 0x08: buffer += #"\b"#.utf8
        case 0x09: buffer += #"\t"#.utf8
        case 0x0A: buffer += #"\n"#.utf8
        case 0x0C: buffer += #"\f"#.utf8
        case 0x0D: buffer += #"\r"#.utf8
        default:
            let digits = String(byte, radix: 16)
            buffer += (byte < 0x10 ? #"\u000"# : #"\u00"#).utf8
            buffer += digits.utf8
        }
    }
}
