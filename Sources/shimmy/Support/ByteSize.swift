import ArgumentParser

/// A size as people write it: `500M`, `4G`, or bytes.
enum ByteSize {
    /// Throws `ValidationError` for anything else.
    static func parse(_ text: String) throws -> Int {
        let units: [Character: Int] = ["K": 1000, "M": 1_000_000, "G": 1_000_000_000]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? text : String(text.dropLast())), number > 0, number < 1 << 30 || unit == nil else {
            throw ValidationError("'\(text)' is not a size. Examples: 1048576, 512M, 6G.")
        }
        return number * (unit ?? 1)
    }
}
