/// The text of a key, which only its holder has.
package enum KeyText {
    package static let prefix = "sk-shimmy-"

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    /// The number of letters and digits of a key: 62^43 is more than 2^256.
    private static let length = 43
    private static let idLength = 24
    private static let hintLength = 4

    /// Returns the text of a new key. The system's generator is made for secrets.
    package static func make() -> String { prefix + letters(length) }

    static func makeID() -> String { "key_" + letters(idLength) }

    /// Returns the last characters of a key, by which people tell keys apart; nil for a text that is too short to reveal a part of it.
    package static func hint(of key: String) -> String? { key.count >= 20 ? String(key.suffix(hintLength)) : nil }

    /// Returns the id of a key that has no other: the first digits of its hash.
    package static func id(of hash: KeyHash) -> String { "key_" + hash.hexadecimal.prefix(idLength) }

    private static func letters(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}
