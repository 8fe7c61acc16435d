import Crypto
import ShimmyCore

/// The SHA-256 hash of a key's text.
///
/// A fast hash suffices: a key has 256 random bits, so that it cannot be found by trying. The slow hashes for passwords protect texts that can be
/// guessed. Keys are compared by their hashes, so that the time of a comparison reveals nothing about the text of a key.
package struct KeyHash: Sendable, Hashable {
    package let bytes: [UInt8]

    private static let count = 32

    package init(of key: String) { bytes = Array(SHA256.hash(data: Array(key.utf8))) }

    /// Reads the bytes of a hash; nil if there are not 32.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.count else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits; nil for another text.
    package init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Self.count else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(hexadecimal: digits[index...index + 1]) else { return nil }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    package var hexadecimal: String { bytes.hexadecimal }
}
