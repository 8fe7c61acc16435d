/// Sets of characters as sequences of byte ranges.
enum UTF8Ranges {
    /// Returns sequences that together match the UTF-8 texts of the characters of `set`. A sequence has one range for each byte of a character; no
    /// text matches two sequences.
    static func sequences(of set: ScalarSet) -> [[ClosedRange<UInt8>]] {
        var result: [[ClosedRange<UInt8>]] = []
        for range in set.ranges {
            // Surrogates are not characters.
            for part in [0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF] as [ClosedRange<UInt32>]
            where range.overlaps(part) {
                split(range.clamped(to: part), &result)
            }
        }
        return result
    }

    /// - range: characters whose texts have the same number of bytes.
    private static func split(_ range: ClosedRange<UInt32>, _ result: inout [[ClosedRange<UInt8>]]) {
        // If the two bounds differ above their last 6, 12 or 18 bits, these last bits must take all values; otherwise split the range.
        for shift: UInt32 in [6, 12, 18] {
            let mask = (UInt32(1) << shift) - 1
            guard range.lowerBound >> shift != range.upperBound >> shift, range.upperBound > 0x7F else { continue }
            if range.lowerBound & mask != 0 {
                split(range.lowerBound...(range.lowerBound | mask), &result)
                split(((range.lowerBound | mask) + 1)...range.upperBound, &result)
                return
            }
            if range.upperBound & mask != mask {
                split(range.lowerBound...((range.upperBound & ~mask) - 1), &result)
                split((range.upperBound & ~mask)...range.upperBound, &result)
                return
            }
        }
        result.append(zip(bytes(range.lowerBound), bytes(range.upperBound)).map { $0...$1 })
    }

    private static func bytes(_ value: UInt32) -> [UInt8] { Array(String(Character(Unicode.Scalar(value)!)).utf8) }
}
