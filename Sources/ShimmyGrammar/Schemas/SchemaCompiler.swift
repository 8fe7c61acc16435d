import ShimmyJSON

/// Compiles a JSON Schema into rules: one rule for each set of schemas that a value must fit at the same time, which are a schema and those that its
/// `$ref`, `allOf` and chosen alternatives add.
///
/// Rules are named first and built in a loop, so that deep schemas do not cause deep recursion.
final class SchemaCompiler {
    typealias Expression = Grammar.Expression

    private static let maximumRules = 50_000
    private static let maximumNotes = 200
    /// The max number of members that may come in any order, in all objects and arrays of a schema. A state has a position for each member that may
    /// come next.
    private static let maximumUnordered = 512

    let mode: SchemaGrammar.Mode
    let budget: GrammarBudget
    let references: SchemaReferences
    private let prefix: String
    let keyRule: SchemaGrammar.Keys
    private let typeRule: SchemaGrammar.Types
    private(set) var rules: [(name: String, body: Expression)] = []
    private(set) var notes: [SchemaError] = []
    /// The rules of sets of schemas, by the sorted identifiers of the schemas.
    private var known: [[String]: Expression] = [:]
    /// Rules that have a name but no body yet, by their indices in `rules`.
    private var pending: [(place: Int, parts: [SchemaPart])] = []
    /// The names of rules that many other rules share, by purpose.
    private var common: [String: String] = [:]
    /// The automata of patterns; nil for patterns that cannot be enforced.
    var automata: [Pattern.Source: CharacterAutomaton?] = [:]
    private var names = 0
    /// The number of alternatives combined so far.
    var branches = 0
    /// The number of alternatives of conditions (`if`) combined so far.
    var conditions = 0
    /// The max of `conditions` in lenient mode; further conditions are not enforced.
    let maximumConditions: Int
    /// Whether no value fits a `oneOf` or a `not` beside the rest of its schema.
    var hasContradiction = false
    /// Whether such a `oneOf` is enforced as `anyOf`, and such a `not` is not enforced.
    var relaxesContradictions = false
    private var unorderedMembers = 0
    /// The identifiers of schemas whose reference target is not in the schema.
    private var lost: Set<String> = []

    init(
        _ root: JSON, prefix: String, mode: SchemaGrammar.Mode, keys: SchemaGrammar.Keys = .inOrder, types: SchemaGrammar.Types = .all,
        budget: GrammarBudget, maximumConditions: Int = .max
    ) {
        self.maximumConditions = maximumConditions
        references = SchemaReferences(root)
        keyRule = keys
        typeRule = types
        self.prefix = prefix
        self.mode = mode
        self.budget = budget
    }

    // MARK: Rules

    /// Compiles all rules that `part` needs and returns the name of the rule that matches its values.
    ///
    /// Throws `SchemaError` when the schema is malformed or exceeds a limit.
    func compile(_ part: SchemaPart) throws(SchemaError) -> String {
        var root = try rule(for: [part])
        while let (place, parts) = pending.popLast() {
            try check(parts.first?.pointer ?? "")
            rules[place].body = try body(parts, of: rules[place].name)
        }
        if case .rule = root {} else { root = try add(root) }
        UnitCycles.remove(from: &rules)
        guard case .rule(let name) = root else { return "" }
        return name
    }

    /// Returns the rule for values that fit all of the schemas.
    func rule(for parts: [SchemaPart]) throws(SchemaError) -> Expression {
        guard let flat = try flattened(parts) else { return .choice([]) }
        if flat.isEmpty { return try anyValue() }
        let key = flat.map(\.id).sorted()
        if let found = known[key] { return found }
        let name = try newName()
        known[key] = .rule(name)
        pending.append((rules.count, flat))
        rules.append((name, .choice([])))
        return .rule(name)
    }

    private func newName() throws(SchemaError) -> String {
        names += 1
        if names > Self.maximumRules { throw SchemaError("", "the schema needs more than \(Self.maximumRules) rules") }
        return "\(prefix)\(names)"
    }

    func add(_ body: Expression) throws(SchemaError) -> Expression { .rule(try newRule(body)) }

    /// Adds a rule for an expression and returns its name.
    func newRule(_ body: Expression) throws(SchemaError) -> String {
        let name = try newName()
        rules.append((name, body))
        return name
    }

    /// Throws when the budget is used up.
    func check(_ pointer: String) throws(SchemaError) {
        do {
            try budget.check()
        } catch {
            throw SchemaError(pointer, error.description)
        }
    }

    /// Whether this many keys of an object may come in any order; if so, counts them toward the limit.
    func allowsAnyOrder(of count: Int) -> Bool { keyRule == .ofCalls && allowsUnordered(count) }

    /// Whether this many members may come in any order, each once; if so, counts them toward the limit.
    func allowsUnordered(_ members: Int) -> Bool {
        guard members <= UnorderedMembers.maximumMembers, unorderedMembers + members <= Self.maximumUnordered else { return false }
        unorderedMembers += members
        return true
    }

    // MARK: Common rules

    func sharedRule(_ purpose: String) -> Expression? { common[purpose].map { .rule($0) } }

    func reserve(_ purpose: String) throws(SchemaError) -> Expression {
        let name = try newName()
        common[purpose] = name
        return .rule(name)
    }

    func define(_ purpose: String, _ body: Expression) throws(SchemaError) {
        guard let name = common[purpose] else { return }
        rules.append((name, body))
    }

    func shared(_ purpose: String, _ body: () throws(SchemaError) -> Expression) throws(SchemaError) -> Expression {
        if let found = sharedRule(purpose) { return found }
        let rule = try reserve(purpose)
        try define(purpose, body())
        return rule
    }

    /// Reports a keyword that cannot be enforced: throws in exact mode, otherwise adds a note.
    func pass(_ error: SchemaError) throws(SchemaError) {
        if mode == .exact { throw error }
        if notes.count < Self.maximumNotes, !notes.contains(error) { notes.append(error) }
    }

    // MARK: Sets of schemas

    /// Returns the schemas and all schemas that they refer to, each once, without `$ref` and `allOf`; nil when one of them is `false`.
    func flattened(_ parts: [SchemaPart]) throws(SchemaError) -> [SchemaPart]? {
        var result: [SchemaPart] = []
        var seen: Set<String> = []
        var open = Array(parts.reversed())
        while let part = open.popLast() {
            guard seen.insert(part.id).inserted else { continue }
            if seen.count.isMultiple(of: 64) { try check(part.pointer) }
            if let allowed = part.schema.boolValue {
                if !allowed { return nil }
                continue
            }
            guard let object = part.schema.objectValue else { throw SchemaError(part.pointer, "a schema must be an object or a boolean") }
            // All schemas that evaluate values come from this one if none came before it and none follows.
            let seesAll =
                part.evaluates && (object["unevaluatedProperties"] != nil || object["unevaluatedItems"] != nil)
                && !result.contains(where: \.evaluates) && !open.contains(where: \.evaluates)
            var targets: [SchemaPart] = []
            for key in ["$ref", "$dynamicRef", "$recursiveRef"] where part.value(key) != nil {
                if let target = try resolved(key, of: part) { targets.append(part.evaluates ? target : target.unevaluating) }
            }
            if object["$ref"] != nil, references.ignoresSiblings, !part.isDerived {
                open += targets
                continue
            }
            if let all = part.value("allOf") {
                guard let count = all.arrayValue?.count else { throw part.error("allOf", "'allOf' must be an array of schemas") }
                for index in (0..<count).reversed() { if let inner = part.at("allOf", index) { open.append(inner) } }
            }
            open += targets
            let rest = part.without("$ref", "$dynamicRef", "$recursiveRef", "allOf")
            if let keys = rest.schema.objectValue, keys.contains(where: { !SchemaKeywords.isAnnotation($0.key) }),
                seen.insert(rest.id).inserted || rest.id == part.id
            {
                result.append(seesAll ? rest.seeingAll : rest)
            }
        }
        return result
    }

    private func resolved(_ key: String, of part: SchemaPart) throws(SchemaError) -> SchemaPart? {
        guard let text = part.schema[key]?.stringValue else { throw part.error(key, "'\(key)' must be a string") }
        if let target = references.target(of: text, from: part) {
            if key != "$ref", references.isDynamic {
                try pass(part.error(key, "the target of the dynamic reference '\(text)' depends on the evaluation path"))
            }
            if target.schema.objectValue == nil, target.schema.boolValue == nil { throw part.error(key, "the target of '\(text)' is not a schema") }
            return target
        }
        // Not fatal by itself: clients omit definitions, and some references are meant for validators that can fetch documents.
        if lost.insert(part.id).inserted { try pass(part.error(key, "the target of '\(text)' is not in the schema")) }
        return nil
    }

    /// Returns the body of the rule `name` for values that fit all of the schemas.
    private func body(_ parts: [SchemaPart], of name: String) throws(SchemaError) -> Expression {
        var flat = parts
        while let (place, key) = logicalKeyword(in: flat) {
            try check(flat[place].pointer)
            switch try choice(key, flat, at: place) {
            case .expression(let expression): return expression
            case .schemas(let schemas):
                guard let next = try flattened(schemas) else { return .choice([]) }
                if next.isEmpty { return try anyValue() }
                // The same values fit these schemas and the rule.
                let key = next.map(\.id).sorted()
                if let found = known[key] { return found }
                known[key] = .rule(name)
                flat = next
            }
        }
        try checkKeywords(flat)
        if flat.contains(where: { $0.value("enum") != nil || $0.value("const") != nil }) { return try values(flat) }
        var choices: [Expression] = []
        for type in try types(flat) {
            if let expression = try expression(type, flat) { choices.append(expression) }
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    /// Returns the types of the values to describe: those that all schemas allow and, if the client's schemas have no `type`, those that their
    /// keywords are about. Schemas that the compiler derives from negations do not count.
    private func types(_ flat: [SchemaPart]) throws(SchemaError) -> [SchemaTypes.Kind] {
        var sets = try flat.map { part throws(SchemaError) in try SchemaTypes.of(part) }
        let own = flat.filter(\.evaluates)
        if typeRule == .ofKeywords, !own.contains(where: { $0.value("type") != nil }) {
            let described = own.reduce(into: Set<SchemaTypes.Kind>()) { $0.formUnion(SchemaTypes.described(by: $1)) }
            if !described.isEmpty { sets.append(described) }
        }
        return SchemaTypes.allowed(by: sets)
    }

    /// Returns the first keyword that combines schemas, and the index of its schema.
    private func logicalKeyword(in flat: [SchemaPart]) -> (place: Int, key: String)? {
        for (place, part) in flat.enumerated() {
            if let key = SchemaKeywords.logical.first(where: { part.value($0) != nil }) { return (place, key) }
        }
        return nil
    }

    private func expression(_ type: SchemaTypes.Kind, _ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        if type == .array || type == .object { try checkExcluded(type, flat) }
        switch type {
        case .null: return excluded(flat).contains(.null) ? nil : .literal("null")
        case .boolean:
            let left = [JSON.bool(true), .bool(false)].filter { !excluded(flat).contains($0) }
            return .choice(left.map { .literal($0.text) })
        case .integer: return try numbers(flat, isInteger: true)
        case .number: return try numbers(flat, isInteger: false)
        case .string: return try strings(flat)
        case .array: return try arrays(flat)
        case .object: return try objects(flat)
        }
    }

    /// Returns the values that negations exclude.
    func excluded(_ flat: [SchemaPart]) -> [JSON] { flat.flatMap { $0.schema[SchemaKeywords.excluded]?.arrayValue ?? [] } }

    /// Reports arrays and objects that negations exclude, because the grammar cannot exclude them.
    private func checkExcluded(_ type: SchemaTypes.Kind, _ flat: [SchemaPart]) throws(SchemaError) {
        for part in flat {
            let others = flat.filter { $0.id != part.id }
            for value in excluded([part]) where SchemaTypes.kind(of: value) == type {
                guard try SchemaValidator(self).accepts(value, all: others) else { continue }
                try pass(SchemaError(part.pointer, "a single \(type.rawValue) cannot be excluded"))
            }
        }
    }

    // MARK: enum, const

    /// Returns the listed values that fit all other keywords.
    private func values(_ flat: [SchemaPart]) throws(SchemaError) -> Expression {
        let listing = flat.first { $0.value("enum") != nil || $0.value("const") != nil }
        guard let listing else { return .choice([]) }
        let key = listing.value("const") == nil ? "enum" : "const"
        let listed: [JSON]
        if let value = listing.value("const") {
            listed = [value]
        } else {
            guard let found = listing.schema["enum"]?.arrayValue else { throw listing.error("enum", "'enum' must be an array") }
            listed = found
        }
        var others = flat.map { $0.id == listing.id ? $0.without(key) : $0 }
        if others.count > 1 { others = try withoutUnevaluated(others, of: listed) }
        let validator = SchemaValidator(self)
        var seen: Set<[UInt8]> = []
        var texts: [String] = []
        for (index, value) in listed.enumerated() {
            if index.isMultiple(of: 64) { try check(listing.pointer) }
            let text = value.canonicalText
            guard seen.insert(Array<UInt8>(text.utf8)).inserted else { continue }
            if try validator.accepts(value, all: others) { texts.append(text) }
        }
        return .choice(texts.map { .literal($0) })
    }

    /// Returns the schemas without the keywords for what no schema evaluates, because it is unknown which of several schemas such a one contains.
    /// Reports those that can concern one of the values.
    private func withoutUnevaluated(_ parts: [SchemaPart], of values: [JSON]) throws(SchemaError) -> [SchemaPart] {
        let (hasObjects, hasArrays) = (values.contains { $0.objectValue != nil }, values.contains { $0.arrayValue != nil })
        for part in parts {
            for (key, concerns) in [("unevaluatedProperties", hasObjects), ("unevaluatedItems", hasArrays)] where concerns && part.value(key) != nil {
                try pass(part.error(key, "'\(key)' cannot be enforced for listed values"))
            }
        }
        return parts.map { $0.without("unevaluatedProperties", "unevaluatedItems") }
    }

    // MARK: Keywords

    private func checkKeywords(_ flat: [SchemaPart]) throws(SchemaError) {
        for part in flat {
            for (key, value) in part.schema.objectValue ?? [:] where SchemaKeywords.unsupported.contains(key) {
                if SchemaKeywords.saysNothing(key, value) { continue }
                try pass(part.error(key, "'\(key)' cannot be enforced"))
            }
        }
    }
}

extension JSON {
    /// The text as answers write it: one line, with a space after each comma and colon.
    package var canonicalText: String {
        switch self {
        case .array(let elements): "[" + elements.map(\.canonicalText).joined(separator: ", ") + "]"
        case .object(let object): "{" + object.map { JSON.string($0.key).text + ": " + $0.value.canonicalText }.joined(separator: ", ") + "}"
        case .null, .bool, .number, .string: text
        }
    }
}
