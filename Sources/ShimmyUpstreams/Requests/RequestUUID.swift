import ShimmyCore

/// The ID of a request in the form of a UUID, for servers that refuse an ID of another form.
package enum RequestUUID {
    /// Returns an ID that is a UUID unchanged. Returns the same UUID of version 4 for the same other ID.
    package static func of(_ id: String) -> String {
        if isUUID(id) { return id }
        let high = FNVHash.of(id)
        let low = FNVHash.of(id, after: high)
        let withVersion: UInt64 = high & ~0xF000 | 0x4000
        let withVariant: UInt64 = low & ~(0b11 << 62) | 0b10 << 62
        let first = Array(withVersion.hexadecimal)
        let second = Array(withVariant.hexadecimal)
        return [first[..<8], first[8..<12], first[12...], second[..<4], second[4...]].map { String($0) }.joined(separator: "-")
    }

    private static func isUUID(_ id: String) -> Bool {
        let bytes = Array(id.utf8)
        return bytes.count == 36
            && bytes.enumerated().allSatisfy { index, byte in
                [8, 13, 18, 23].contains(index)
                    ? byte == UInt8(ascii: "-") : (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
            }
    }
}
