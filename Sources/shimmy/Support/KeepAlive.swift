import ArgumentParser

/// A time as people write it: `90`, `90s`, `5m`, `2h`.
enum KeepAlive {
    /// In seconds. Throws `ValidationError` for anything else.
    static func seconds(_ text: String) throws -> Double {
        let factors: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        let unit = text.last.flatMap { factors[$0] }
        guard let number = Double(unit == nil ? text : String(text.dropLast())), number >= 0, number.isFinite else {
            throw ValidationError("'\(text)' is no time; 90s, 5m and 2h are some.")
        }
        return number * (unit ?? 1)
    }
}
