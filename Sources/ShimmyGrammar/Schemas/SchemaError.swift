/// Why values cannot be held to a schema.
package struct SchemaError: Error, Equatable, CustomStringConvertible {
    /// Where in the schema, as a JSON pointer (RFC 6901); empty for all of it.
    package let pointer: String
    package let reason: String

    static let noValueFits = "no value fits the schema"

    /// Whether the schema is well-formed, but refuses everything.
    package var saysNoValueFits: Bool { reason == Self.noValueFits }

    package init(_ pointer: String, _ reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    package var description: String { pointer.isEmpty ? reason : "at '\(pointer)': \(reason)" }
}
