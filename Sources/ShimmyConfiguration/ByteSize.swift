/// Sizes in bytes as people write them in options and files: `500M`, `4G` or a plain number of bytes. Units are decimal: K, M and G.
package enum ByteSize {
    /// Returns the number of bytes that `text` stands for; nil if it is not a size.
    package static func bytes(_ text: String) -> Int? {
        let units: [Character: Int] = ["K": 1000, "M": 1_000_000, "G": 1_000_000_000]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? text : String(text.dropLast())), number > 0, number < 1 << 30 || unit == nil else { return nil }
        return number * (unit ?? 1)
    }
}
