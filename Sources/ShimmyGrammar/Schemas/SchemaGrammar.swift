package import ShimmyJSON

/// A JSON Schema as rules of a grammar that match the JSON texts of the values that fit.
///
/// The texts are canonical: `{"a": 1, "b": [2]}` without line breaks; properties in the schema's order with others after them, or all in any order;
/// numbers without unnecessary signs and zeros.
package struct SchemaGrammar: Sendable, Equatable {
    /// The treatment of keywords that a grammar cannot enforce.
    package enum Mode: Sendable {
        /// Such keywords are errors.
        case exact
        /// Such keywords are reported in `notes`; everything else is enforced.
        case lenient
    }

    /// The keys of objects in the texts. They differ from the schema's only in ways that make every text still fit the schema.
    package enum Keys: Sendable {
        /// Named keys in the schema's order, and the other keys that the schema allows.
        case inOrder
        /// As written by models that call a tool: in any order, and only keys that the schema names where it names keys and says nothing about
        /// others. Any order applies to objects with up to 64 named properties and without bounds on their number, and to 512 named properties in
        /// all.
        case ofCalls
    }

    /// The types of the values that a schema without `type` describes.
    package enum Types: Sendable {
        /// All types, as in JSON Schema.
        case all
        /// The types that the schema's keywords are about, such as objects for `properties`. Every text still fits the schema.
        case ofKeywords
    }

    /// The rules, and the name of the rule that matches the whole text.
    package let grammar: Grammar
    /// The names of the rules in the order in which they were made.
    private let names: [String]
    /// The keywords that are not enforced; empty in exact mode.
    package let notes: [SchemaError]

    /// The rules in llama.cpp's notation (GBNF), with automata (`AutomatonNotation`).
    package var rules: String { names.map { "\($0) ::= \(grammar.rules[$0]?.text ?? "")\n" }.joined() }
    /// The name of the rule that matches the whole text.
    package var root: String { grammar.root }

    /// - prefix: the prefix of all rule names: letters, digits, dashes and underscores.
    /// Throws `SchemaError` when the schema is malformed, too large or not enforceable, or when no value fits it.
    package init(
        _ schema: JSON, prefix: String, mode: Mode = .exact, keys: Keys = .inOrder, types: Types = .all, budget: GrammarBudget = GrammarBudget()
    ) throws(SchemaError) {
        try self.init(SchemaPart(schema: schema, pointer: ""), of: schema, prefix, mode, keys, types, budget)
    }

    /// Compiles the values of one property of the object schema at the top of `schema`.
    package init(
        _ schema: JSON, property: String, prefix: String, mode: Mode = .exact, keys: Keys = .inOrder, budget: GrammarBudget = GrammarBudget()
    ) throws(SchemaError) {
        guard let part = SchemaPart(schema: schema, pointer: "").at("properties")?.at(property) else {
            throw SchemaError("", "there is no property '\(property)'")
        }
        try self.init(part, of: schema, prefix, mode, keys, .all, budget)
    }

    private init(
        _ part: SchemaPart, of schema: JSON, _ prefix: String, _ mode: Mode, _ keys: Keys, _ types: Types, _ budget: GrammarBudget
    ) throws(SchemaError) {
        if let obstacle = SchemaBounds.obstacle(in: schema) { throw SchemaError("", obstacle) }
        func compiler(_ budget: GrammarBudget, conditions: Int) -> SchemaCompiler {
            SchemaCompiler(schema, prefix: prefix, mode: mode, keys: keys, types: types, budget: budget, maximumConditions: conditions)
        }
        try self.init(part, compiler(budget, conditions: Self.maximumConditions)) { compiler(GrammarBudget(), conditions: Self.fewConditions) }
    }

    /// The max number of combined alternatives of conditions in lenient mode. Each independent condition doubles the number. Beyond a few hundred
    /// alternatives, a constraint has more open rules at the beginning of an answer than it can follow.
    private static let maximumConditions = 128
    /// The max number for a schema that is too large with `maximumConditions`.
    private static let fewConditions = 32

    /// - smaller: returns a compiler that enforces fewer conditions.
    private init(_ part: SchemaPart, _ compiler: SchemaCompiler, smaller: () -> SchemaCompiler) throws(SchemaError) {
        let root: String
        do {
            root = try Self.root(of: part, compiler)
        } catch {
            let isContradiction = error.saysNoValueFits && compiler.hasContradiction
            guard compiler.mode == .lenient, isContradiction || compiler.conditions > Self.fewConditions else { throw error }
            let other = smaller()
            other.relaxesContradictions = isContradiction
            self.init(other, root: try Self.root(of: part, other))
            return
        }
        self.init(compiler, root: root)
    }

    /// Returns the name of the rule that matches the values of a schema.
    private static func root(of part: SchemaPart, _ compiler: SchemaCompiler) throws(SchemaError) -> String {
        let root = try compiler.compile(part)
        do throws(GrammarTextError) {
            let grammar = grammar(of: compiler, root)
            // Conditions multiply the states, whose number is known only when the program is built.
            var isChecked = false
            if compiler.mode == .exact || compiler.conditions <= fewConditions {
                isChecked = try GrammarCheck.isSurelySound(grammar, budget: compiler.budget)
            }
            if !isChecked {
                let states = GrammarStates(program: try ProgramBuilder.build(grammar, budget: compiler.budget), horizon: 0)
                if states.meetsLimit(from: states.start) { throw GrammarTextError.tooAmbiguous }
            }
        } catch {
            // One example is a schema that only refers to itself.
            throw SchemaError(part.pointer, error.isLimit ? error.description : SchemaError.noValueFits)
        }
        return root
    }

    private static func grammar(of compiler: SchemaCompiler, _ root: String) -> Grammar {
        Grammar(rules: Dictionary(compiler.rules.map { ($0.name, $0.body) }) { first, _ in first }, root: root)
    }

    private init(_ compiler: SchemaCompiler, root: String) {
        grammar = Self.grammar(of: compiler, root)
        names = compiler.rules.map { $0.name }
        notes = compiler.notes
    }
}
