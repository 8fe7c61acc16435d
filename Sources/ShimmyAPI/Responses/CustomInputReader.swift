import ShimmyJSON

/// An incremental reader of the text in `{"input": "..."}`.
struct CustomInputReader {
    private var pending: [UInt8] = []
    private var isInside = false
    /// Whether the text is complete.
    private(set) var isOver = false

    mutating func push(_ more: String) -> String {
        guard !isOver else { return "" }
        pending += more.utf8
        if !isInside {
            // The value starts at the third quote: the first two enclose the name.
            let quotes = pending.indices.filter { pending[$0] == UInt8(ascii: "\"") }
            guard quotes.count >= 3 else { return "" }
            pending.removeFirst(quotes[2] + 1)
            isInside = true
        }
        let end = certainEnd()
        let literal = [UInt8(ascii: "\"")] + pending[..<end] + [UInt8(ascii: "\"")]
        pending.removeFirst(end)
        return (try? JSON.parse(String(decoding: literal, as: UTF8.self)))?.stringValue ?? ""
    }

    /// Returns the end of the complete characters and escapes in `pending`, or the index of the closing quote.
    private mutating func certainEnd() -> Int {
        var index = 0
        var certain = 0
        while index < pending.count {
            switch pending[index] {
            case UInt8(ascii: "\""):
                isOver = true
                return index
            case UInt8(ascii: "\\"):
                guard let length = escapeLength(at: index) else { return certain }
                index += length
            default: index += 1
            }
            certain = index
        }
        return certain
    }

    /// Returns the length of an escape in bytes; nil if a part of it is still missing. The two halves of a surrogate pair count as one escape.
    private func escapeLength(at index: Int) -> Int? {
        guard index + 1 < pending.count else { return nil }
        guard pending[index + 1] == UInt8(ascii: "u") else { return 2 }
        guard index + 6 <= pending.count else { return nil }
        let unit = UInt16(String(decoding: pending[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16) ?? 0
        guard (0xD800...0xDBFF).contains(unit) else { return 6 }
        return index + 12 <= pending.count ? 12 : nil
    }
}
