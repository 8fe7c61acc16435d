package import ShimmyJSON

/// A tool that a model can ask its client to call.
package struct Tool: Sendable, Equatable {
    package var name: String
    package var description: String?
    /// The JSON Schema of the arguments; nil for none.
    package var parameters: JSON?
    /// Whether `parameters` must follow OpenAI's rules for strict schemas and must be enforced in full.
    package var isStrict: Bool
    /// The grammar of a custom tool's text; nil for a function, and for a custom tool that takes any text.
    package var inputGrammar: InputGrammar?

    /// The rules of a text inside a JSON string.
    package struct InputGrammar: Sendable, Equatable {
        /// The rules in llama.cpp's notation (GBNF).
        package var rules: String
        package var root: String

        package init(rules: String, root: String) {
            self.rules = rules
            self.root = root
        }
    }

    package init(
        name: String, description: String? = nil, parameters: JSON? = nil, isStrict: Bool = false, inputGrammar: InputGrammar? = nil
    ) {
        self.inputGrammar = inputGrammar
        self.name = name
        self.description = description
        self.parameters = parameters
        self.isStrict = isStrict
    }

    /// The tool in OpenAI's JSON format, for which chat templates are written.
    package var json: JSON {
        var function: JSONObject = ["name": .string(name)]
        function["description"] = .string(description ?? "")
        function["parameters"] = parameters ?? ["type": "object", "properties": [:]]
        return ["type": "function", "function": .object(function)]
    }
}

/// The tools that the model may or must call.
package struct ToolChoice: Sendable, Equatable {
    package enum Mode: String, Sendable {
        case none, auto, required
    }

    package var mode: Mode
    /// The names of the tools that the model may call; nil for all.
    package var names: [String]?
    /// Whether the answer is exactly one call of the one named tool.
    package var isOneCall: Bool

    package init(_ mode: Mode, names: [String]? = nil, isOneCall: Bool = false) {
        self.mode = mode
        self.names = names
        self.isOneCall = isOneCall
    }
}
