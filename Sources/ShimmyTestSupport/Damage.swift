/// Repeatable damage to bytes, as accidents and attackers cause it.
package enum Damage {
    /// Lengths and numbers that code often does not handle.
    private static let numbers: [UInt64] = [
        0, 1, 2, 7, 31, 32, 63, 64, 127, 128, 255, 256, 65_535, 65_536, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40,
        (1 << 62) - 1,
        1 << 62, (1 << 63) - 1, 1 << 63, .max - 31, .max,
    ]

    /// Returns the bytes with one to four changes.
    package static func apply(to bytes: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where bytes.count > 16 {
            let place = Int.random(in: 0..<bytes.count - 8, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = .random(in: .min ... .max, using: &random)
            case 2: write(numbers.randomElement(using: &random)!, 8, at: place, &bytes)
            case 3: write(numbers.randomElement(using: &random)!, 4, at: place, &bytes)
            case 4: bytes.removeLast(Int.random(in: 1..<bytes.count / 2, using: &random))
            case 5: bytes.removeSubrange(place..<place + Int.random(in: 1...8, using: &random))
            default:
                let end = min(bytes.count, place + Int.random(in: 1...32, using: &random))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: Int.random(in: 0...bytes.count, using: &random))
            }
        }
        return bytes
    }

    private static func write(_ number: UInt64, _ count: Int, at place: Int, _ bytes: inout [UInt8]) {
        for offset in 0..<count { bytes[place + offset] = UInt8(truncatingIfNeeded: number >> UInt64(8 * offset)) }
    }
}
