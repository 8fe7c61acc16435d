/// What the header `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date.
package enum RetryAfter {
    /// Seconds from now on; nil for what says nothing.
    /// - now: Unix seconds, of the clock that a date is of.
    package static func seconds(_ text: String, now: Int) -> Int? {
        if let seconds = Int(text.filter { $0 != " " }) { return seconds >= 0 ? seconds : nil }
        return HTTPDate.seconds(text).map { max(0, $0 - now) }
    }
}

/// Dates in headers (RFC 9110, section 5.6.7), in all three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
/// `Sun Nov  6 08:49:37 1994`. By hand, since the system's formats depend on its language.
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Unix seconds; nil for what is no date.
    package static func seconds(_ text: String) -> Int? {
        var words = text.split { " ,-".contains($0) }.map(String.init)
        guard !words.isEmpty else { return nil }
        words.removeFirst()  // the day of the week
        if words.count == 4 { words = [words[1], words[0], words[3], words[2], "GMT"] }
        guard words.count == 5, words[4] == "GMT", let day = Int(words[0]), (1...31).contains(day),
            let month = months.firstIndex(of: words[1]), let year = Int(words[2]).map({ $0 < 70 ? $0 + 2000 : $0 < 100 ? $0 + 1900 : $0 }),
            (1970...9999).contains(year), let second = secondOfDay(words[3])
        else { return nil }
        return days(year: year, month: month + 1, day: day) * 86_400 + second
    }

    /// Of `08:49:37`.
    private static func secondOfDay(_ text: String) -> Int? {
        let parts = text.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...60).contains(parts[2]) else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// Days since the beginning of 1970. Years are taken to begin in March, so that the day that comes every four years is their last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
