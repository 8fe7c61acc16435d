import Crypto

/// Whose an object is that the server keeps.
package enum StorageOwner {
    /// Of a server without keys.
    package static let everybody = "everybody"

    /// The same after a restart and in whatever order the keys are given; 128 bits of a hash, which leads back to no good key.
    package static func ofKey(_ key: String) -> String {
        "key-" + SHA256.hash(data: Array(key.utf8)).prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
