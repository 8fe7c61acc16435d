#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A parser of the header `Retry-After` (RFC 9110, section 10.2.3), which contains seconds or a date.
package enum RetryAfter {
    /// Returns the seconds to wait from now; nil if the text is invalid.
    /// - now: the current time in unix seconds, of the clock that a date refers to.
    package static func seconds(_ text: String, now: Int) -> Int? {
        if let seconds = Int(text.filter { $0 != " " }) { return seconds >= 0 ? seconds : nil }
        return HTTPDate.seconds(text).map { max(0, $0 - now) }
    }
}

/// A reader and writer of HTTP dates (RFC 9110, section 5.6.7), in all three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`
/// and `Sun Nov  6 08:49:37 1994`; it writes the first one. It does not use the system's formatters, because they depend on the locale.
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// Returns unix seconds as a date.
    package static func text(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var date = tm()
        gmtime_r(&time, &date)
        let clock = [date.tm_hour, date.tm_min, date.tm_sec].map(padded).joined(separator: ":")
        let (weekday, month) = (weekdays[Int(date.tm_wday)], months[Int(date.tm_mon)])
        return "\(weekday), \(padded(date.tm_mday)) \(month) \(date.tm_year + 1900) \(clock) GMT"
    }

    private static func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Returns the date in unix seconds; nil if the text is not a date.
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

    /// Returns the seconds since midnight of a time such as `08:49:37`; nil if it is invalid.
    private static func secondOfDay(_ text: String) -> Int? {
        let parts = text.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...60).contains(parts[2]) else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// Returns the days since the beginning of 1970. Years begin in March in this calculation, so that the leap day is the last day of a
    /// year.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
