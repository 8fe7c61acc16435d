package import ShimmyCore
package import ShimmyGrammar
import ShimmyJSON

/// The grammars of the schemas in a conversation, for calls and for the answer. A chat template makes them part of the grammar of its format.
package struct HeldSchemas: Sendable {
    /// The arguments of a tool that the model may call.
    package struct Arguments: Sendable {
        package let tool: Tool
        /// The index of the tool in the conversation.
        package let index: Int
        /// The complete arguments, for formats that write them as one JSON value.
        package let whole: Grammar
        /// The values of single properties, by the index of the property in the schema, for formats that write each argument separately. Such formats
        /// write strings without quotes, so only properties whose values are never strings are included, at most `maximumProperties`.
        package let properties: [Int: Grammar]
    }

    /// The max number of properties of a tool with grammars of their own.
    package static let maximumProperties = 998

    /// The arguments of the tools that the model may call; nil if no call is possible.
    package private(set) var tools: [Arguments]?
    /// The values that fit the answer's schema; nil without one.
    package private(set) var answer: Grammar?
    /// Keywords of tool schemas that are not enforced, with the indices of the tools.
    package private(set) var notes: [(tool: Int, SchemaError)] = []
    /// Keywords of the answer's schema that are not enforced.
    package private(set) var answerNotes: [SchemaError] = []
    /// Whether the grammar must enforce the complete schema of a tool's arguments. Formats that write arguments as tags accept any text as a string.
    package private(set) var mustFit = false
    /// Whether the arguments of a tool must be enforced: a tool is strict, or a call is required.
    package private(set) var isExact = false

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
                let isStrict = conversation.isResponseStrict
                let made = try SchemaGrammar(
                    schema, prefix: "answer_", mode: isStrict ? .exact : .lenient, types: isStrict ? .all : .ofKeywords)
                answerNotes = made.notes
                answer = made.grammar
            } catch {
                throw .answer(error)
            }
        }
        let choice = conversation.toolChoice
        guard !conversation.tools.isEmpty, choice.mode != .none else { return }
        var held: [Arguments] = []
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

    /// Compiles the arguments of a tool. The names of the rules contain underscores, which the rules of a format's own grammar do not.
    /// - isExact: whether to reject formats that cannot enforce the complete schema.
    private mutating func hold(_ tool: Tool, _ index: Int, isExact: Bool) throws(SchemaError) -> Arguments {
        let schema = tool.parameters.map(Self.ofObjects) ?? ["type": "object", "properties": [:], "additionalProperties": false]
        if tool.isStrict, tool.inputGrammar == nil, let obstacle = StrictSchema.obstacle(in: tool.parameters ?? schema) {
            throw SchemaError("", obstacle)
        }
        let prefix = "tool_\(index)_"
        if let input = tool.inputGrammar, let name = schema["properties"]?.objectValue?.keys.first {
            mustFit = true
            return Arguments(tool: tool, index: index, whole: try Self.arguments(name, input, root: "\(prefix)text"), properties: [:])
        }
        let mode: SchemaGrammar.Mode = tool.isStrict ? .exact : .lenient
        let budget = GrammarBudget()
        // Models write keys in the order of earlier calls in the conversation. Strict calls follow the schema's order, as at OpenAI.
        let keys: SchemaGrammar.Keys = tool.isStrict ? .inOrder : .ofCalls
        let made = try SchemaGrammar(schema, prefix: prefix + "all_", mode: mode, keys: keys, budget: budget)
        notes += made.notes.map { (index, $0) }
        if isExact, Self.restrictsStrings(schema) { mustFit = true }
        let properties = try Self.properties(of: schema, prefix, mode, keys, budget)
        return Arguments(tool: tool, index: index, whole: made.grammar, properties: properties)
    }

    /// Returns a schema of the same objects that allows nothing else: arguments are objects, also where the schema has no type or several.
    private static func ofObjects(_ schema: JSON) -> JSON {
        guard var object = schema.objectValue, object["type"] != "object" else { return schema }
        object["type"] = "object"
        return .object(object)
    }

    /// Returns the arguments of a custom tool: an object with one text.
    private static func arguments(_ name: String, _ input: Tool.InputGrammar, root: String) throws(SchemaError) -> Grammar {
        do {
            let text = try Grammar(parsing: input.rules, root: input.root)
            return text.enclosed(in: "{\(JSON.string(name).text): \"", "\"}", root: root)
        } catch {
            throw SchemaError("", error.description)
        }
    }

    private static func properties(
        of schema: JSON, _ prefix: String, _ mode: SchemaGrammar.Mode, _ keys: SchemaGrammar.Keys, _ budget: GrammarBudget
    ) throws(SchemaError) -> [Int: Grammar] {
        guard let properties = schema["properties"]?.objectValue else { return [:] }
        var held: [Int: Grammar] = [:]
        for (index, (name, property)) in properties.enumerated() where isNeverString(property) && index < maximumProperties {
            do throws(SchemaError) {
                let made = try SchemaGrammar(
                    schema, property: name, prefix: "\(prefix)\(index)_", mode: mode, keys: keys, budget: budget)
                held[index] = made.grammar
            } catch {
                // If no value matches a property, the object's own rules omit it if it is optional.
                guard error.saysNoValueFits else { throw error }
            }
        }
        return held
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
