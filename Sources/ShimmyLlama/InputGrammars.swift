import ShimmyChat
import ShimmyJSON

/// The grammars of custom tools' texts. To llama.cpp such a text is a string that fits a pattern with one word in it; in the grammar that it
/// makes, the word gives way to the rules.
struct InputGrammars {
    /// The tools that may be called, as the grammar is to have them.
    let callable: [Tool]
    private let grammars: [(word: String, grammar: Tool.InputGrammar)]

    init(_ conversation: Conversation) {
        var grammars: [(String, Tool.InputGrammar)] = []
        let names = conversation.toolChoice.names
        callable = conversation.tools.filter { names?.contains($0.name) ?? true }.map { tool in
            guard let grammar = tool.inputGrammar, conversation.toolChoice.mode != .none else { return tool }
            let word = "shimmy-input-\(grammars.count)"
            grammars.append((word, grammar))
            var tool = tool
            tool.parameters = tool.parameters.map { Self.replacingStrings(in: $0, pattern: "^\(word)$") }
            return tool
        }
        self.grammars = grammars
    }

    var isEmpty: Bool { grammars.isEmpty }

    /// Whether every word is in the grammar, so that no text goes free.
    func isKept(in grammar: GrammarText?) -> Bool {
        grammars.allSatisfy { word, _ in grammar?.text.contains("\"\(word)\"") ?? false }
    }

    func inserted(into prompt: RenderedPrompt) -> RenderedPrompt {
        guard !isEmpty, var grammar = prompt.grammar else { return prompt }
        for (word, rules) in grammars {
            grammar.text = grammar.text.replacing("\"\(word)\"", with: rules.root) + "\n" + rules.rules
        }
        var prompt = prompt
        prompt.grammar = grammar
        return prompt
    }

    /// The schema of a custom tool's arguments with its one string held to a pattern.
    private static func replacingStrings(in schema: JSON, pattern: String) -> JSON {
        guard var object = schema.objectValue else { return schema }
        if object["type"] == "string" { object["pattern"] = .string(pattern) }
        if let properties = object["properties"]?.objectValue {
            var replaced: JSONObject = [:]
            for (name, property) in properties { replaced[name] = replacingStrings(in: property, pattern: pattern) }
            object["properties"] = .object(replaced)
        }
        return .object(object)
    }
}
