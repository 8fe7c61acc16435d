/// A model name in the configuration file.
package struct ConfiguredName: Sendable, Equatable {
    package enum Meaning: Sendable, Equatable {
        /// Another name of a table's model.
        case alias(of: String)
        /// A user-defined model, with the name of its base.
        case variant(of: String)
        /// A model that the server has found, or may find.
        case table
    }

    package let name: String
    package let meaning: Meaning
    /// The 1-based line; nil if it is not known.
    package let line: Int?
}
