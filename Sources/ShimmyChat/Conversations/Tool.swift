package import ShimmyJSON

/// Something that a model may ask its client to do.
package struct Tool: Sendable, Equatable {
    package var name: String
    package var description: String?
    /// A JSON Schema of the arguments; nil for none.
    package var parameters: JSON?
    /// Whether the client relies on arguments that fit the schema. They always do; nothing else follows from it.
    package var isStrict: Bool
    /// What a custom tool's text has to be; nil for a function, and for any text.
    package var inputGrammar: InputGrammar?

    /// The rules for the inside of a JSON string.
    package struct InputGrammar: Sendable, Equatable {
        /// In llama.cpp's notation (GBNF).
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

    /// OpenAI's shape, which chat templates are written for.
    package var json: JSON {
        var function: JSONObject = ["name": .string(name)]
        function["description"] = .string(description ?? "")
        function["parameters"] = parameters ?? ["type": "object", "properties": [:]]
        return ["type": "function", "function": .object(function)]
    }
}

/// Which tools may or must be called.
package struct ToolChoice: Sendable, Equatable {
    package enum Mode: String, Sendable {
        case none, auto, required
    }

    package var mode: Mode
    /// The tools that may be called; nil for all.
    package var names: [String]?
    /// Whether the answer is one call of the one tool that was named.
    package var isOneCall: Bool

    package init(_ mode: Mode, names: [String]? = nil, isOneCall: Bool = false) {
        self.mode = mode
        self.names = names
        self.isOneCall = isOneCall
    }
}
