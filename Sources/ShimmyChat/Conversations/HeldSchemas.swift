package import ShimmyCore
package import ShimmyGrammar
package import ShimmyJSON

/// The grammar rules of the schemas in a conversation, for calls and for the answer. They are inserted into the grammar of a model's format.
///
/// llama.cpp makes the format's grammar around its own translation of JSON Schemas. It gets a placeholder schema of one constant number in place of
/// each schema, and these rules replace the numbers in its grammar.
package struct HeldSchemas: Sendable {
    /// The tools that the model may call, with numbers in place of the schemas of their arguments; nil if no call is possible.
    package private(set) var tools: [JSON]?
    /// The placeholder of the answer's schema; nil without one.
    package private(set) var answerSchema: JSON?
    /// Keywords of tool schemas that are not enforced, with the indices of the tools.
    package private(set) var notes: [(tool: Int, SchemaError)] = []
    /// Keywords of the answer's schema that are not enforced.
    package private(set) var answerNotes: [SchemaError] = []

    private struct Slot {
        let number: Int
        let root: String
        let rules: String
    }

    /// The complete arguments of each tool, for formats that write them as one JSON value.
    private var wholes: [Slot] = []
    /// Single arguments, for formats that write each argument separately.
    private var parts: [Slot] = []
    private var answer: Slot?
    /// Whether the grammar must enforce the complete schema of a tool's arguments. Formats that write arguments as tags accept any text as a string.
    private var mustFit = false
    /// Whether the arguments of a tool must be enforced: a tool is strict, or a call is required.
    package private(set) var isExact = false

    /// The first placeholder. Clients are unlikely to write this number, and none of the placeholders is a prefix of another.
    private static let firstNumber = 7_316_540_920_000

    package enum Fault: Error {
        case tool(Int, SchemaError)
        case answer(SchemaError)
    }

    /// Compiles the schemas of `conversation`. A strict schema must follow OpenAI's rules and must be enforceable in full. For other schemas, the
    /// unenforceable keywords are noted.
    ///
    /// - work: the time budget for all schemas together.
    /// Throws `Fault` with the schema that cannot be enforced.
    package init(
        _ conversation: Conversation, work: WorkBudget = WorkBudget(seconds: InputLimits.standard.prepareSeconds)
    ) throws(Fault) {
        if let schema = conversation.responseSchema {
            if conversation.isResponseStrict, let obstacle = StrictSchema.obstacle(in: schema) { throw .answer(SchemaError("", obstacle)) }
            do {
                let grammar = try SchemaGrammar(schema, prefix: "answer-", mode: conversation.isResponseStrict ? .exact : .lenient)
                answerNotes = grammar.notes
                answer = Slot(number: Self.firstNumber, root: grammar.root, rules: grammar.rules)
            } catch {
                throw .answer(error)
            }
            answerSchema = ["const": .int(Self.firstNumber)]
        }
        let choice = conversation.toolChoice
        guard !conversation.tools.isEmpty, choice.mode != .none else { return }
        var held: [JSON] = []
        for (index, tool) in conversation.tools.enumerated() where choice.names?.contains(tool.name) ?? true {
            do {
                try Self.check(work)
                let mustHold = tool.isStrict || choice.mode == .required
                if mustHold { isExact = true }
                held.append(try hold(tool, index, isExact: mustHold))
            } catch {
                throw .tool(index, error)
            }
        }
        tools = held
    }

    private static func check(_ work: WorkBudget) throws(SchemaError) {
        do {
            try work.check()
        } catch {
            throw SchemaError("", "compiling all schemas of the request takes too long (limit prepareSeconds)")
        }
    }

    /// Adds the rules for the arguments of `tool` and returns the tool with placeholders.
    /// - isExact: whether to reject formats that cannot enforce the complete schema.
    private mutating func hold(_ tool: Tool, _ index: Int, isExact: Bool) throws(SchemaError) -> JSON {
        let schema = tool.parameters ?? ["type": "object", "properties": [:], "additionalProperties": false]
        if tool.isStrict, tool.inputGrammar == nil, let obstacle = StrictSchema.obstacle(in: schema) { throw SchemaError("", obstacle) }
        let number = Self.firstNumber + (index + 1) * 1000
        let prefix = "tool-\(index)-"
        var held = tool
        var object = schema.objectValue ?? [:]
        if let input = tool.inputGrammar, let name = object["properties"]?.objectValue?.keys.first {
            let key = JSON.string(JSON.string(name).text).text
            let opening = "\"{" + key.dropFirst().dropLast() + ": \\\"\""
            wholes.append(
                Slot(number: number, root: prefix + "text", rules: "\(prefix)text ::= \(opening) \(input.root) \"\\\"}\"\n\(input.rules)\n"))
            mustFit = true
        } else {
            let mode: SchemaGrammar.Mode = tool.isStrict ? .exact : .lenient
            let budget = GrammarBudget()
            // Models write keys in the order of earlier calls in the conversation. Strict calls follow the schema's order, as at OpenAI.
            let grammar = try SchemaGrammar(schema, prefix: prefix + "all-", mode: mode, keysInAnyOrder: !tool.isStrict, budget: budget)
            notes += grammar.notes.map { (index, $0) }
            wholes.append(Slot(number: number, root: grammar.root, rules: grammar.rules))
            if isExact, Self.restrictsStrings(schema) { mustFit = true }
            // llama.cpp prefers these keywords to the number in `const`.
            for key in ["$ref", "anyOf", "oneOf", "allOf", "enum", "not"] { object[key] = nil }
            object["properties"] = try holdProperties(of: schema, number, prefix, mode, !tool.isStrict, budget)
        }
        object["const"] = .int(number)
        held.parameters = .object(object)
        return held.json
    }

    /// Returns the properties with a number in place of each schema that excludes strings.
    private mutating func holdProperties(
        of schema: JSON, _ number: Int, _ prefix: String, _ mode: SchemaGrammar.Mode, _ keysInAnyOrder: Bool, _ budget: GrammarBudget
    ) throws(SchemaError) -> JSON? {
        guard let properties = schema["properties"]?.objectValue else { return schema["properties"] }
        var held: JSONObject = [:]
        for (place, (name, property)) in properties.enumerated() {
            guard Self.isNeverString(property), place < 998 else {
                held[name] = property
                continue
            }
            do throws(SchemaError) {
                let grammar = try SchemaGrammar(
                    schema, property: name, prefix: "\(prefix)\(place)-", mode: mode, keysInAnyOrder: keysInAnyOrder, budget: budget)
                parts.append(Slot(number: number + 1 + place, root: grammar.root, rules: grammar.rules))
            } catch {
                guard error.saysNoValueFits else { throw error }
                // No value matches this property. The object's own rules omit it if it is optional.
                held[name] = property
                continue
            }
            // Templates read these keywords.
            var number: JSONObject = ["const": .int(number + 1 + place)]
            for key in ["type", "description"] { number[key] = property[key] }
            held[name] = .object(number)
        }
        return .object(held)
    }

    // MARK: Insertion into a format's grammar

    /// Returns whether a format's grammar contains the placeholders of all schemas that it must enforce.
    package func fits(_ grammar: GrammarText?) -> Bool {
        guard let text = grammar?.text else { return wholes.isEmpty && answer == nil || !mustFit && answer == nil }
        guard mustFit || answer != nil else { return true }
        let numbers = PlaceholderNumbers(in: text).numbers
        if let answer, !numbers.contains(answer.number) { return false }
        return !mustFit || wholes.allSatisfy { numbers.contains($0.number) }
    }

    /// Returns whether a format's grammar contains a placeholder for arguments, complete or single ones.
    package func holdsArguments(in grammar: GrammarText) -> Bool {
        let numbers = PlaceholderNumbers(in: grammar.text).numbers
        return (wholes + parts).contains { numbers.contains($0.number) }
    }

    /// Returns the prompt with the rules in place of the numbers in its grammar.
    package func holding(_ prompt: RenderedPrompt) -> RenderedPrompt {
        var prompt = prompt
        prompt.grammar = prompt.grammar.map(inserted)
        return prompt
    }

    private func inserted(into grammar: GrammarText) -> GrammarText {
        let placeholders = PlaceholderNumbers(in: grammar.text)
        let numbers = placeholders.numbers
        let slots = (wholes + parts + (answer.map { [$0] } ?? [])).filter { numbers.contains($0.number) }
        let roots = Dictionary(slots.map { ($0.number, $0.root) }) { first, _ in first }
        // llama.cpp's grammar allows spaces after every value.
        let text = placeholders.replaced(by: roots, andFollowing: " space")
        return GrammarText(text + "\n" + slots.map(\.rules).joined(), triggers: grammar.triggers)
    }

    // MARK: Strings

    private static func restrictsStrings(_ schema: JSON) -> Bool {
        guard let properties = schema["properties"]?.objectValue else { return true }
        return properties.contains { !isPlainString($0.value) && !isNeverString($0.value) }
    }

    private static func isPlainString(_ schema: JSON) -> Bool {
        schema["type"] == "string"
            && schema.objectValue?.keys.allSatisfy { ["type", "description", "title", "default", "examples"].contains($0) } ?? false
    }

    private static func isNeverString(_ schema: JSON) -> Bool {
        ["integer", "number", "boolean", "object", "array", "null"].contains(schema["type"]?.stringValue)
    }
}
