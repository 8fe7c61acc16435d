import ShimmyCore

/// A day in UTC, as the number of days since 1970.
package enum UsageDay {
    package static let seconds = 86_400
    static let milliseconds = seconds * 1000

    package static var today: Int { UnixTime.now / seconds }

    /// Returns a day as `2026-12-31`.
    package static func text(_ day: Int) -> String {
        // The civil calendar repeats every 400 years. A year that begins in March ends with the leap day.
        let days = day + 719_468
        let era = days / 146_097
        let rest = days % 146_097
        let year = (rest - rest / 1460 + rest / 36_524 - rest / 146_096) / 365
        let dayOfYear = rest - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civilMonth = month < 10 ? month + 3 : month - 9
        let civilYear = year + era * 400 + (civilMonth <= 2 ? 1 : 0)
        return "\(civilYear)-\(padded(civilMonth))-\(padded(dayOfYear - (153 * month + 2) / 5 + 1))"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
