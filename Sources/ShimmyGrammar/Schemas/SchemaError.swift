/// The reason why a schema, or a keyword in it, cannot be enforced.
package struct SchemaError: Error, Equatable, CustomStringConvertible {
    /// The location in the schema as a JSON pointer (RFC 6901); empty for the whole schema.
    package let pointer: String
    package let reason: String

    static let noValueFits = "no value fits the schema"

    /// Whether the schema is well-formed, but no value fits it.
    package var saysNoValueFits: Bool { reason == Self.noValueFits }

    package init(_ pointer: String, _ reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    package var description: String { pointer.isEmpty ? reason : "at '\(pointer)': \(reason)" }
}
