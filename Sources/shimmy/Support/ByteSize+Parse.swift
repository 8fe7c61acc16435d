import ArgumentParser
import ShimmyConfiguration

extension ByteSize {
    /// Returns the number of bytes that an option's text stands for. Throws `ValidationError` if it is not a size.
    static func parse(_ text: String) throws -> Int {
        guard let bytes = bytes(text) else { throw ValidationError("'\(text)' is not a size. Examples: 1048576, 512M, 6G.") }
        return bytes
    }
}
