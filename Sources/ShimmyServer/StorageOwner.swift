import ShimmyAccounts
import ShimmyCore

/// The owner of a stored object.
package enum StorageOwner {
    /// The owner of all objects of a server without keys.
    package static let everybody = "everybody"

    /// Returns the owner for a key: 128 bits of its SHA-256 hash. It is the same after a restart and for any order of keys. A strong key
    /// cannot be recovered from it.
    package static func ofKey(_ key: String) -> String { ofKey(KeyHash(of: key)) }

    static func ofKey(_ hash: KeyHash) -> String { "key-" + hash.bytes.prefix(16).hexadecimal }
}
