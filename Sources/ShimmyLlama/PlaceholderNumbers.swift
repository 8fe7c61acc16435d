/// The literals of a grammar's text that consist of digits, such as `"7316540920000"`. The text is read once, regardless of how many it contains.
package struct PlaceholderNumbers {
    package private(set) var numbers: Set<Int> = []

    package init(in text: String) {
        let bytes = Array(text.utf8)
        // The index of the last quote, if only digits follow it.
        var begin: Int?
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: "\""):
                if let begin, let number = Int(String(decoding: bytes[(begin + 1)..<index], as: UTF8.self)) { numbers.insert(number) }
                begin = index
            default: begin = nil
            }
        }
    }
}
