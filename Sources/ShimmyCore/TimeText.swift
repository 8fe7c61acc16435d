/// A reader of times that people write.
package enum TimeText {
    package static let expectation = "a date such as 2026-12-31 (the beginning of that day in UTC), or a time such as 2026-12-31T18:00:00Z"

    /// Returns the seconds since 1970 of a date, or of a time in RFC 3339's format with its offset; nil for another text.
    package static func seconds(_ text: String) -> Int? {
        // The longest form has an offset; fractions of a second are not needed.
        guard text.utf8.count <= 25 else { return nil }
        let bytes = Array(text.utf8)
        guard let date = days(bytes.prefix(10)) else { return nil }
        if bytes.count == 10 { return date * 86_400 }
        guard bytes.count >= 20, [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(bytes[10]),
            let time = clock(bytes[11..<19]), let shift = offset(bytes[19...])
        else { return nil }
        return date * 86_400 + time - shift
    }

    /// Returns the days since 1970 of `YYYY-MM-DD`.
    private static func days(_ text: ArraySlice<UInt8>) -> Int? {
        let parts = numbers(text, [4, 2, 2], separator: UInt8(ascii: "-"))
        guard let parts, parts[0] >= 1970, (1...12).contains(parts[1]), (1...length(of: parts[1], in: parts[0])).contains(parts[2]) else {
            return nil
        }
        let years = parts[0] - 1970
        // The leap days of the years before this one.
        let before = parts[0] - 1
        let leapDays = (before / 4 - before / 100 + before / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400)
        let months = (1..<parts[1]).reduce(0) { $0 + length(of: $1, in: parts[0]) }
        return years * 365 + leapDays + months + parts[2] - 1
    }

    private static func length(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Returns the seconds of `HH:MM:SS`.
    private static func clock(_ text: ArraySlice<UInt8>) -> Int? {
        guard let parts = numbers(text, [2, 2, 2], separator: UInt8(ascii: ":")), parts[0] < 24, parts[1] < 60, parts[2] < 60 else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// Returns the seconds of `Z` or `+HH:MM`.
    private static func offset(_ text: ArraySlice<UInt8>) -> Int? {
        guard let sign = text.first else { return nil }
        if text.count == 1 { return sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") ? 0 : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let parts = numbers(text.dropFirst(), [2, 2], separator: UInt8(ascii: ":")), parts[0] < 24, parts[1] < 60
        else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60)
    }

    /// Returns numbers with a fixed number of digits, divided by separators; nil for another text.
    private static func numbers(_ text: ArraySlice<UInt8>, _ widths: [Int], separator: UInt8) -> [Int]? {
        guard text.count == widths.reduce(widths.count - 1, +) else { return nil }
        var rest = text
        var numbers: [Int] = []
        for (index, width) in widths.enumerated() {
            if index > 0, rest.popFirst() != separator { return nil }
            let digits = rest.prefix(width)
            guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            numbers.append(digits.reduce(0) { $0 * 10 + Int($1 - 0x30) })
            rest = rest.dropFirst(width)
        }
        return numbers
    }
}
