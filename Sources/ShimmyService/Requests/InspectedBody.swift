/// The body of a request, as an inspection shows it: without the data of images and recordings.
enum InspectedBody {
    /// The fewest characters of base64 that are taken for the data of media without a mark before them.
    private static let shortest = 64
    private static let mark = Array(";base64,".utf8)

    /// Returns a body with the number of characters in place of each base64 text: the data of a data URL, and each longer run of characters of base64
    /// that contains upper-case letters, lower-case letters and digits. The time is linear in the size.
    static func withoutMedia(_ body: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        // The bytes before `copied` are in the result or omitted.
        var (copied, index) = (0, 0)
        while index < body.count {
            let start = index
            let kinds = passRun(body, &index)
            if start == index {
                index += 1
                continue
            }
            let isMarked = start >= mark.count && body[start - mark.count..<start].elementsEqual(mark)
            guard isMarked || kinds == .all && index - start >= shortest else { continue }
            while index < body.count, body[index] == UInt8(ascii: "=") { index += 1 }
            result += body[copied..<start]
            result += "[\(index - start) characters of base64]".utf8
            copied = index
        }
        return copied == 0 ? body : result + body[copied...]
    }

    private struct Kinds: OptionSet {
        let rawValue: UInt8
        static let upper = Kinds(rawValue: 1)
        static let lower = Kinds(rawValue: 2)
        static let digit = Kinds(rawValue: 4)
        static let all: Kinds = [.upper, .lower, .digit]
    }

    /// Moves `index` behind the characters of base64 at it. A slash may be escaped. Returns the kinds of the characters.
    private static func passRun(_ body: [UInt8], _ index: inout Int) -> Kinds {
        var kinds: Kinds = []
        while index < body.count {
            switch body[index] {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): kinds.insert(.upper)
            case UInt8(ascii: "a")...UInt8(ascii: "z"): kinds.insert(.lower)
            case UInt8(ascii: "0")...UInt8(ascii: "9"): kinds.insert(.digit)
            case UInt8(ascii: "+"), UInt8(ascii: "/"): break
            case UInt8(ascii: "\\") where index + 1 < body.count && body[index + 1] == UInt8(ascii: "/"): index += 1
            default: return kinds
            }
            index += 1
        }
        return kinds
    }
}
