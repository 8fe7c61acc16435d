/// Placeholder numbers in the text of a grammar, each a literal of its own such as `"7316540920000"`. The text is read once, regardless of how many
/// numbers it contains.
package struct PlaceholderNumbers {
    private let bytes: [UInt8]
    /// The byte range of each literal of digits, including the quotes, and its number.
    private var found: [(place: Range<Int>, number: Int)] = []

    package init(in text: String) {
        bytes = Array(text.utf8)
        var begin: Int?
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: "\""):
                if let begin, let number = Int(String(decoding: bytes[(begin + 1)..<index], as: UTF8.self)) {
                    found.append((begin..<index + 1, number))
                }
                begin = index
            default: begin = nil
            }
        }
    }

    package var numbers: Set<Int> { Set(found.map(\.number)) }

    /// Returns the text with `texts` in place of the numbers.
    /// - ending: a text to remove where it follows a replaced number.
    package func replaced(by texts: [Int: String], andFollowing ending: String) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        let ending = Array(ending.utf8)
        var written = 0
        for (place, number) in found {
            // In a text that is not a grammar, two literals can share a quote.
            guard let text = texts[number], place.lowerBound >= written else { continue }
            result += bytes[written..<place.lowerBound]
            result += text.utf8
            written = place.upperBound
            if bytes[written...].starts(with: ending) { written += ending.count }
        }
        result += bytes[written...]
        return String(decoding: result, as: UTF8.self)
    }
}
