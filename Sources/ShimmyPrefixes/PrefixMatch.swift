/// A stored prefix that a prompt begins with, completely or in part.
struct PrefixMatch: Sendable, Equatable {
    let name: String
    let key: PrefixKey
    /// The size of the file, in bytes.
    let bytes: Int
    /// The number of the prompt's units that need not be computed.
    let count: Int
}
