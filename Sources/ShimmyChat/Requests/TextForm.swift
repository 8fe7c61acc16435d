package import ShimmyJSON

/// The form that all of an answer without a template must have.
package enum TextForm: Sendable, Equatable {
    /// A grammar in llama.cpp's notation (GBNF).
    case grammar(String)
    /// A JSON Schema.
    case schema(JSON)

    /// The API's name of the field with the form, for error messages.
    var field: String {
        switch self {
        case .grammar: "grammar"
        case .schema: "json_schema"
        }
    }
}
