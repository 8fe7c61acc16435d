package import ShimmyChat
import ShimmyGrammar
package import ShimmyJSON

/// The placeholders of a conversation's schemas in llama.cpp's grammars.
///
/// llama.cpp makes the grammar of a format around its own translation of JSON Schemas, which does not enforce all keywords. It gets a placeholder in
/// place of each schema: a schema of one constant number. In its grammar, the number is a literal and the whole body of a rule. The grammar of the
/// schema then replaces the literal.
package struct SchemaPlaceholders: Sendable {
    /// The tools that the model may call, with placeholders as the schemas of their arguments; nil if no call is possible.
    package let tools: [JSON]?
    /// The placeholder of the answer's schema; nil without one.
    package let answer: JSON?
    /// Whether the arguments of a tool must be enforced.
    let isExact: Bool
    private let mustFit: Bool
    /// The grammars of complete arguments and of single arguments, by number.
    private var wholes: [Int: Grammar] = [:]
    private var parts: [Int: Grammar] = [:]
    private let answerGrammar: Grammar?

    /// The number in place of the answer's schema. The numbers of tools follow it. Clients are unlikely to write any of them.
    package static let firstNumber = 7_316_540_920_000
    /// The difference between the numbers of two tools. The numbers between are those of properties.
    private static let stride = HeldSchemas.maximumProperties + 2

    package init(_ schemas: HeldSchemas) {
        isExact = schemas.isExact
        mustFit = schemas.mustFit
        answerGrammar = schemas.answer
        answer = schemas.answer.map { _ in Self.schema(Self.firstNumber) }
        var (wholes, parts): ([Int: Grammar], [Int: Grammar]) = ([:], [:])
        tools = schemas.tools?.map { arguments in
            let number = Self.firstNumber + (arguments.index + 1) * Self.stride
            wholes[number] = arguments.whole
            for (index, grammar) in arguments.properties { parts[number + 1 + index] = grammar }
            return Self.tool(arguments, number)
        }
        (self.wholes, self.parts) = (wholes, parts)
    }

    private static func schema(_ number: Int) -> JSON { ["const": .int(number)] }

    /// Returns the tool with `number` in place of its schema, and with the numbers after it in place of the schemas of its properties.
    private static func tool(_ arguments: HeldSchemas.Arguments, _ number: Int) -> JSON {
        var tool = arguments.tool
        let schema: JSON = tool.parameters ?? ["type": "object", "properties": [:], "additionalProperties": false]
        var object = schema.objectValue ?? [:]
        // llama.cpp prefers these keywords to the number in `const`.
        for key in ["$ref", "anyOf", "oneOf", "allOf", "enum", "not"] { object[key] = nil }
        if let properties = object["properties"]?.objectValue {
            var held: JSONObject = [:]
            for (index, (name, property)) in properties.enumerated() {
                guard arguments.properties[index] != nil else {
                    held[name] = property
                    continue
                }
                // Templates read the other keywords.
                var placeholder: JSONObject = ["const": .int(number + 1 + index)]
                for key in ["type", "description"] { placeholder[key] = property[key] }
                held[name] = .object(placeholder)
            }
            object["properties"] = .object(held)
        }
        object["const"] = .int(number)
        tool.parameters = .object(object)
        return tool.json
    }

    /// Returns whether a format's grammar contains the placeholders of all schemas that it must enforce.
    func fits(_ grammar: AnswerGrammar?) -> Bool {
        guard mustFit || answerGrammar != nil else { return true }
        let numbers = grammar.map { Self.numbers(in: $0.definition) } ?? []
        if answerGrammar != nil, !numbers.contains(Self.firstNumber) { return false }
        return !mustFit || wholes.keys.allSatisfy(numbers.contains)
    }

    /// Returns whether a format's grammar contains a placeholder for arguments, complete or single ones.
    func holdsArguments(in grammar: AnswerGrammar) -> Bool {
        Self.numbers(in: grammar.definition).contains { wholes[$0] != nil || parts[$0] != nil }
    }

    /// Returns the numbers that are literals of a format's grammar.
    private static func numbers(in definition: GrammarDefinition) -> Set<Int> {
        definition.texts.reduce(into: []) { $0.formUnion(PlaceholderNumbers(in: $1).numbers) }
    }

    /// Returns the prompt with the grammars of the schemas in place of the numbers in its grammar.
    func replaced(in prompt: RenderedPrompt) -> RenderedPrompt {
        guard let definition = prompt.grammar?.definition else { return prompt }
        var grammars: [String: Grammar] = [:]
        for number in Self.numbers(in: definition) {
            let held = number == Self.firstNumber ? answerGrammar : wholes[number] ?? parts[number]
            if let held { grammars["\(number)"] = held }
        }
        var prompt = prompt
        prompt.grammar?.definition = definition.replacing(grammars)
        return prompt
    }
}
