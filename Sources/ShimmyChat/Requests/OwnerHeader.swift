import ShimmyCore
package import ShimmyEngine

/// The header that names the owner of a request to a child process, so that fair shares apply there as in the server's own process.
package enum OwnerHeader {
    package static let name = "x-shimmy-owner"
    private static let longestName = 1_024

    /// Returns the value of the header: the weight, and the bytes of the name in hexadecimal.
    package static func value(_ owner: Owner) -> String { "\(owner.weight) \(owner.name.utf8.prefix(longestName).hexadecimal)" }

    /// Reads a value; nil if it is not one.
    package static func owner(_ value: String) -> Owner? {
        let parts = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let weight = Double(parts[0]), weight > 0, weight.isFinite else { return nil }
        let digits = Array(parts[1].utf8.prefix(2 * longestName))
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(hexadecimal: digits[index...index + 1]) else { return nil }
            bytes.append(byte)
        }
        return Owner(String(decoding: bytes, as: UTF8.self), weight: weight)
    }
}
