import ArgumentParser

/// A size in bytes as written in options: `500M`, `4G` or a plain number of bytes. Units are decimal: K, M and G.
enum ByteSize {
    /// Returns the number of bytes that `text` stands for. Throws `ValidationError` if it is not a size.
    static func parse(_ text: String) throws -> Int {
        let units: [Character: Int] = ["K": 1000, "M": 1_000_000, "G": 1_000_000_000]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? text : String(text.dropLast())), number > 0, number < 1 << 30 || unit == nil else {
            throw ValidationError("'\(text)' is not a size. Examples: 1048576, 512M, 6G.")
        }
        return number * (unit ?? 1)
    }
}
