package import ShimmyJSON

/// A JSON Schema as rules of a grammar: they describe the JSON texts of the values that fit.
///
/// The texts are canonical: `{"a": 1, "b": [2]}`, without line breaks; properties in the order of the schema, others after them, or all of them
/// in any order; numbers without needless signs and zeros.
package struct SchemaGrammar: Sendable, Equatable {
    /// What becomes of keywords that no grammar can enforce.
    package enum Mode: Sendable {
        /// They are errors.
        case exact
        /// They are reported in `notes`; everything else is enforced.
        case lenient
    }

    /// In llama.cpp's notation (GBNF), with automata (`AutomatonNotation`).
    package let rules: String
    /// The name of the rule that describes the whole text.
    package let root: String
    /// Keywords that are not enforced; empty in exact mode.
    package let notes: [SchemaError]

    /// - prefix: the beginning of the names of all rules: letters, digits and dashes.
    /// - keysInAnyOrder: of objects with up to 64 named properties whose number is not bounded, up to 512 in all.
    /// Throws `SchemaError` when the schema is malformed or too large, when no value fits it, or when it cannot be enforced.
    package init(
        _ schema: JSON, prefix: String, mode: Mode = .exact, keysInAnyOrder: Bool = false, budget: GrammarBudget = GrammarBudget()
    ) throws(SchemaError) {
        try self.init(SchemaPart(schema: schema, pointer: ""), of: schema, prefix, mode, keysInAnyOrder, budget)
    }

    /// The values of one property of an object, where its schema stands at the top of another one.
    package init(
        _ schema: JSON, property: String, prefix: String, mode: Mode = .exact, keysInAnyOrder: Bool = false, budget: GrammarBudget = GrammarBudget()
    ) throws(SchemaError) {
        guard let part = SchemaPart(schema: schema, pointer: "").at("properties")?.at(property) else {
            throw SchemaError("", "there is no property '\(property)'")
        }
        try self.init(part, of: schema, prefix, mode, keysInAnyOrder, budget)
    }

    private init(
        _ part: SchemaPart, of schema: JSON, _ prefix: String, _ mode: Mode, _ keysInAnyOrder: Bool, _ budget: GrammarBudget
    ) throws(SchemaError) {
        if let obstacle = SchemaBounds.obstacle(in: schema) { throw SchemaError("", obstacle) }
        let compiler = SchemaCompiler(schema, prefix: prefix, mode: mode, keysInAnyOrder: keysInAnyOrder, budget: budget)
        let root = try compiler.compile(part)
        do {
            let rules = Dictionary(compiler.rules.map { ($0.name, $0.body) }) { first, _ in first }
            let grammar = Grammar(rules: rules, root: root)
            if try !GrammarCheck.isSurelySound(grammar, budget: budget) { _ = try ProgramBuilder.build(grammar, budget: budget) }
        } catch {
            // A schema that only ever refers to itself, for instance.
            throw SchemaError(part.pointer, error.isLimit ? error.description : SchemaError.noValueFits)
        }
        rules = compiler.rules.map { "\($0.name) ::= \($0.body.text)\n" }.joined()
        self.root = root
        notes = compiler.notes
    }
}
