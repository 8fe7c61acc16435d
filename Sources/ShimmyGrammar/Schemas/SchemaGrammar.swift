package import ShimmyJSON

/// A JSON Schema as rules of a grammar: what they describe are the JSON texts of the values that fit.
///
/// The texts are canonical: `{"a": 1, "b": [2]}`, without line breaks; properties in the order of the schema, others after them; numbers
/// without needless signs and zeros. An object that lists its properties has no others unless `additionalProperties` asks for them.
package struct SchemaGrammar: Sendable, Equatable {
    /// What becomes of keywords that no grammar can hold a text to.
    package enum Mode: Sendable {
        /// They are errors.
        case exact
        /// They are passed over, and said in `notes`.
        case lenient
    }

    /// In llama.cpp's notation (GBNF).
    package let rules: String
    /// The name of the rule that describes the whole text.
    package let root: String
    /// What is not held to; empty in exact mode.
    package let notes: [SchemaError]

    /// - prefix: what the names of all rules begin with: letters, digits and dashes.
    /// Throws `SchemaError` when the schema is none, when no value fits it, or when it cannot be held to.
    package init(_ schema: JSON, prefix: String, mode: Mode = .exact) throws(SchemaError) {
        if let obstacle = SchemaBounds.obstacle(in: schema) { throw SchemaError("", obstacle) }
        try self.init(SchemaPart(schema: schema, pointer: ""), of: schema, prefix, mode)
    }

    /// The values of one property of an object, where its schema stands at the top of another one.
    package init(_ schema: JSON, property: String, prefix: String, mode: Mode = .exact) throws(SchemaError) {
        guard let part = SchemaPart(schema: schema, pointer: "").at("properties")?.at(property) else {
            throw SchemaError("", "there is no property '\(property)'")
        }
        try self.init(part, of: schema, prefix, mode)
    }

    private init(_ part: SchemaPart, of schema: JSON, _ prefix: String, _ mode: Mode) throws(SchemaError) {
        let compiler = SchemaCompiler(schema, prefix: prefix, mode: mode)
        guard case .rule(let root)? = try compiler.rule(for: [part]) else {
            throw SchemaError(part.pointer, "no value fits the schema")
        }
        do {
            let rules = Dictionary(compiler.rules.map { ($0.name, $0.body) }) { first, _ in first }
            _ = try ProgramBuilder.build(Grammar(rules: rules, root: root))
        } catch {
            // A schema that only ever refers to itself, for instance.
            throw SchemaError(part.pointer, "no value fits the schema: \(error)")
        }
        rules = compiler.rules.map { "\($0.name) ::= \($0.body.text)\n" }.joined()
        self.root = root
        notes = compiler.notes
    }
}

/// A schema, or what is left of one, and where it stands.
struct SchemaPart {
    let schema: JSON
    let pointer: String

    func at(_ key: String) -> SchemaPart? { schema[key].map { SchemaPart(schema: $0, pointer: "\(place)/\(Self.escaped(key))") } }

    func at(_ key: String, _ index: Int) -> SchemaPart? {
        schema[key]?[index].map { SchemaPart(schema: $0, pointer: "\(place)/\(Self.escaped(key))/\(index)") }
    }

    func without(_ key: String) -> SchemaPart {
        guard var object = schema.objectValue else { return self }
        object[key] = nil
        return SchemaPart(schema: .object(object), pointer: pointer + "\u{0}-" + key)
    }

    /// The pointer without marks of what was taken out.
    var place: String { String(pointer.prefix { $0 != "\u{0}" }) }

    func error(_ key: String, _ reason: String) -> SchemaError { SchemaError("\(place)/\(Self.escaped(key))", reason) }

    private static func escaped(_ key: String) -> String { key.replacing("~", with: "~0").replacing("/", with: "~1") }
}
