/// The client's names of the fields of a request that was translated to another one, so that errors and reports name the fields that the client sent.
package struct FieldNames: Sendable {
    private var names: [String: String] = [:]

    package init() {}

    /// Records that a field of the translated request comes from the client's field `name`.
    package mutating func note(_ field: String, as name: String) { names[field] = name }

    /// Returns the client's name of a field, which may be a part of a translated one; nil if the field does not come from the client.
    package func name(of path: String) -> String? {
        if let name = names[path] { return name }
        let outer = names.keys.filter { path.hasPrefix($0 + ".") || path.hasPrefix($0 + "[") }.max { $0.utf8.count < $1.utf8.count }
        return outer.flatMap { field in names[field].map { $0 + path.dropFirst(field.count) } }
    }

    /// Returns an error with the client's name of its field.
    package func renaming(_ error: APIError) -> APIError {
        guard let field = error.param, let name = name(of: field), name != field else { return error }
        var error = error
        error.param = name
        error.message = error.message.replacing("'\(field)'", with: "'\(name)'")
        return error
    }
}
