/// A name of a model that stands in the file.
package struct ConfiguredName: Sendable, Equatable {
    package enum Meaning: Sendable, Equatable {
        /// Another name of a table's model.
        case alias(of: String)
        /// A model of the user's own making.
        case variant(of: String)
        /// A model that is found, or that may be.
        case table
    }

    package let name: String
    package let meaning: Meaning
    /// 1-based.
    package let line: Int?
}
