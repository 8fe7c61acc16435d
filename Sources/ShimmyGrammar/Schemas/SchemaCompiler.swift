import ShimmyJSON

/// Makes a rule for every set of schemas that a value has to fit at once: a schema, and what its `$ref`, `allOf` and chosen `anyOf` add.
final class SchemaCompiler {
    typealias Expression = Grammar.Expression

    private static let maximumRules = 20_000
    private static let maximumBranches = 2000

    let mode: SchemaGrammar.Mode
    private let root: JSON
    private let prefix: String
    private(set) var rules: [(name: String, body: Expression)] = []
    private(set) var notes: [SchemaError] = []
    /// The rules of sets of schemas, by their pointers; nil for those that no value fits.
    private var known: [String: Expression?] = [:]
    /// Rules that many others use, by what they are for.
    private var common: [String: String] = [:]
    private var names = 0
    private var branches = 0

    init(_ root: JSON, prefix: String, mode: SchemaGrammar.Mode) {
        self.root = root
        self.prefix = prefix
        self.mode = mode
    }

    // MARK: Rules

    /// What all the schemas allow; nil when that is nothing.
    func rule(for parts: [SchemaPart]) throws(SchemaError) -> Expression? {
        let flat = try flattened(parts)
        guard let flat else { return nil }
        if flat.isEmpty { return try anyValue() }
        let key = flat.map(\.pointer).sorted().joined(separator: "\n")
        if let found = known[key] { return found }
        let name = try newName()
        known[key] = .rule(name)
        let place = rules.count
        rules.append((name, .choice([])))
        guard let body = try body(flat) else {
            known[key] = .some(nil)
            return nil
        }
        rules[place].body = body
        return .rule(name)
    }

    func newName() throws(SchemaError) -> String {
        names += 1
        if names > Self.maximumRules { throw SchemaError("", "it needs more than \(Self.maximumRules) rules") }
        return "\(prefix)\(names)"
    }

    func add(_ body: Expression) throws(SchemaError) -> Expression {
        let name = try newName()
        rules.append((name, body))
        return .rule(name)
    }

    func add(_ automaton: CharacterAutomaton, character: (ScalarSet) -> Expression) throws(SchemaError) -> Expression {
        if names + automaton.edges.count > Self.maximumRules { throw SchemaError("", "it needs more than \(Self.maximumRules) rules") }
        let made = automaton.rules(character: character) { [self] in
            names += 1
            return "\(prefix)\(names)"
        }
        rules += made
        return .rule(made[0].name)
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

    func shared(_ purpose: String, _ body: () -> Expression) throws(SchemaError) -> Expression {
        if let found = sharedRule(purpose) { return found }
        let rule = try reserve(purpose)
        try define(purpose, body())
        return rule
    }

    /// A keyword that cannot be held to: an error, or a note.
    func pass(_ error: SchemaError) throws(SchemaError) {
        if mode == .exact { throw error }
        if !notes.contains(error) { notes.append(error) }
    }

    // MARK: Sets of schemas

    /// The schemas with all that they refer to, each once; nil when one of them is `false`.
    private func flattened(_ parts: [SchemaPart]) throws(SchemaError) -> [SchemaPart]? {
        var result: [SchemaPart] = []
        var seen: Set<String> = []
        var open = Array(parts.reversed())
        while let part = open.popLast() {
            guard seen.insert(part.pointer).inserted else { continue }
            if let allowed = part.schema.boolValue {
                if !allowed { return nil }
                continue
            }
            guard let object = part.schema.objectValue else { throw SchemaError(part.place, "a schema is an object or a boolean") }
            if let reference = object["$ref"] {
                open.append(try resolved(reference, from: part))
            }
            if let all = object["allOf"] {
                guard let count = all.arrayValue?.count else { throw part.error("allOf", "'allOf' is an array") }
                for index in (0..<count).reversed() { if let inner = part.at("allOf", index) { open.append(inner) } }
            }
            if !object.isEmpty { result.append(part) }
        }
        return result
    }

    private func resolved(_ reference: JSON, from part: SchemaPart) throws(SchemaError) -> SchemaPart {
        guard let text = reference.stringValue else { throw part.error("$ref", "'$ref' is a string") }
        var found: JSON? = text.hasPrefix("#") ? root : nil
        let pointer = text.dropFirst().removingPercentEncoding
        for step in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = step.replacing("~1", with: "/").replacing("~0", with: "~")
            found = found.flatMap { (value: JSON) -> JSON? in Int(key).flatMap { (index: Int) -> JSON? in value[index] } ?? value[String(key)] }
        }
        let isPointer = pointer.isEmpty || pointer.hasPrefix("/")
        guard let found, isPointer else {
            throw part.error("$ref", "'\(text)' is not in the schema")
        }
        return SchemaPart(schema: found, pointer: pointer)
    }

    private func body(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        for (index, part) in flat.enumerated() {
            for key in ["anyOf", "oneOf"] where part.schema[key] != nil {
                var rest = flat
                rest[index] = part.without(key)
                return try choice(part, key, rest)
            }
        }
        try checkKeywords(flat)
        if flat.contains(where: { $0.schema["enum"] != nil || $0.schema["const"] != nil }) { return try values(flat) }
        var choices: [Expression] = []
        for type in SchemaTypes.allowed(by: try flat.map { part throws(SchemaError) in try SchemaTypes.of(part) }) {
            if let expression = try expression(type, flat) { choices.append(expression) }
        }
        return choices.isEmpty ? nil : choices.count == 1 ? choices[0] : .choice(choices)
    }

    private func expression(_ type: SchemaTypes.Kind, _ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        switch type {
        case .null: return .literal("null")
        case .boolean: return .choice([.literal("true"), .literal("false")])
        case .integer: return try numbers(flat, isInteger: true)
        case .number: return try numbers(flat, isInteger: false)
        case .string: return try strings(flat)
        case .array: return try arrays(flat)
        case .object: return try objects(flat)
        }
    }

    // MARK: anyOf, oneOf

    private func choice(_ part: SchemaPart, _ key: String, _ rest: [SchemaPart]) throws(SchemaError) -> Expression? {
        guard let count = part.schema[key]?.arrayValue?.count, count > 0 else { throw part.error(key, "'\(key)' is an array with members") }
        branches += count
        if branches > Self.maximumBranches { throw part.error(key, "there are more than \(Self.maximumBranches) combinations of alternatives") }
        let members = (0..<count).compactMap { part.at(key, $0) }
        var choices: [Expression] = []
        var used: [SchemaPart] = []
        for member in members {
            guard let found = try rule(for: rest + [member]) else { continue }
            if !choices.contains(found) { choices.append(found) }
            used.append(member)
        }
        if key == "oneOf" { try requireDisjoint(used, part, rest) }
        return choices.isEmpty ? nil : choices.count == 1 ? choices[0] : .choice(choices)
    }

    /// A grammar takes what fits any of several; that is what fits one of them only when nothing fits two.
    private func requireDisjoint(_ members: [SchemaPart], _ part: SchemaPart, _ rest: [SchemaPart]) throws(SchemaError) {
        var flat: [[SchemaPart]] = []
        for member in members { flat.append(try flattened(rest + [member]) ?? []) }
        for (index, left) in flat.enumerated() {
            for right in flat[(index + 1)...] where !SchemaTypes.areDisjoint(left, right) {
                return try pass(
                    part.error("oneOf", "a value could fit two of the alternatives; use 'anyOf', or tell them apart by a constant property"))
            }
        }
    }

    // MARK: enum, const

    /// The listed values that fit everything else too.
    private func values(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var candidates: [JSON]?
        for part in flat {
            for key in ["enum", "const"] {
                guard let value = part.schema[key] else { continue }
                guard let listed = key == "const" ? [value] : value.arrayValue else { throw part.error(key, "'enum' is an array") }
                candidates = candidates.map { $0.filter { listed.contains($0) } } ?? listed
            }
        }
        var values: [JSON] = []
        for value in candidates ?? [] where !values.contains(value) { values.append(value) }
        let others = flat.map { $0.without("enum").without("const") }
        if others.contains(where: { $0.schema.objectValue?.keys.contains { !SchemaKeywords.isAnnotation($0) } ?? false }) {
            values = try values.fitting(others, root: root, mode: mode)
        }
        return values.isEmpty ? nil : .choice(values.map { .literal($0.canonicalText) })
    }

    // MARK: Keywords

    private func checkKeywords(_ flat: [SchemaPart]) throws(SchemaError) {
        for part in flat {
            for (key, value) in part.schema.objectValue ?? [:] {
                if SchemaKeywords.unsupported.contains(key) {
                    if SchemaKeywords.saysNothing(key, value) { continue }
                    try pass(part.error(key, "'\(key)' cannot be enforced"))
                }
            }
        }
    }
}

extension [JSON] {
    /// Those whose texts fit schemas.
    fileprivate func fitting(_ parts: [SchemaPart], root: JSON, mode: SchemaGrammar.Mode) throws(SchemaError) -> [JSON] {
        let compiler = SchemaCompiler(root, prefix: "v", mode: mode)
        guard case .rule(let start)? = try compiler.rule(for: parts) else { return [] }
        let rules = Dictionary(compiler.rules.map { ($0.name, $0.body) }) { first, _ in first }
        do {
            let grammar = try CompiledGrammar(Grammar(rules: rules, root: start), trie: TokenTrie(pieces: [], ends: [], controls: [:]))
            return filter { value in
                var cursor = grammar.begin()
                return cursor.advance(value.canonicalText.utf8) && cursor.mayEnd
            }
        } catch {
            return []
        }
    }
}

extension JSON {
    /// As answers write it: one line, a space after each comma and colon.
    package var canonicalText: String {
        switch self {
        case .array(let elements): "[" + elements.map(\.canonicalText).joined(separator: ", ") + "]"
        case .object(let object): "{" + object.map { JSON.string($0.key).text + ": " + $0.value.canonicalText }.joined(separator: ", ") + "}"
        case .null, .bool, .number, .string: text
        }
    }
}

extension Substring {
    /// Percent escapes of a URI's fragment, resolved.
    fileprivate var removingPercentEncoding: String {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
