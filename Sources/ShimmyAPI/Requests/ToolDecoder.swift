import ShimmyChat
import ShimmyCore
import ShimmyGrammar
import ShimmyJSON

/// A decoder of `tools` and `tool_choice`, and of their deprecated forms `functions` and `function_call`.
struct ToolDecoder {
    /// The location of a tool's fields.
    enum Shape {
        /// Chat completions: in a member with the name of the tool's type.
        case nested
        /// Responses: in the tool itself.
        case flat
    }

    private let shape: Shape
    private let limits: ChatLimits
    private let passesOverKnown: Bool
    private(set) var tools: [Tool] = []
    private(set) var choice = ToolChoice(.none)
    private(set) var dialect = CallDialect()
    /// The tools that this server cannot offer, such as `tools[1]`, for the response's header.
    private(set) var ignored = ReportedNames()
    /// Whether a schema had an empty array in place of an empty object, or the reverse.
    private(set) var hasRepairs = false
    private var names: Set<String> = []

    init(_ fields: FieldReader, shape: Shape = .nested, limits: ChatLimits = .openAI) throws(APIError) {
        (self.shape, self.limits, passesOverKnown) = (shape, limits, false)
        if let value = fields.value("tools") {
            for (index, element) in try Self.tools(value, fields.path(to: "tools")).enumerated() {
                try decodeTool(try fields.element(element, of: "tools", at: index), index)
            }
            choice = try decodeChoice(fields)
        } else if shape == .flat {
            choice = try decodeChoice(fields)
        } else if let value = fields.value("functions") {
            for (index, element) in try Self.tools(value, fields.path(to: "functions")).enumerated() {
                let tool = try function(try fields.element(element, of: "functions", at: index))
                try add(tool, at: fields.path(to: "functions").index(index))
            }
            dialect.usesFunctions = !tools.isEmpty
            choice = try decodeFunctionCall(fields)
        } else {
            _ = try decodeFunctionCall(fields)
            choice = try decodeChoice(fields)
        }
    }

    /// Starts with known tools. The decoder skips later tools with the same names.
    init(_ tools: [Tool] = [], _ dialect: CallDialect = CallDialect()) {
        (shape, limits, passesOverKnown) = (.flat, .responses, true)
        (self.tools, self.dialect) = (tools, dialect)
        names = Set(tools.map(\.name))
    }

    /// Adds the tools of a conversation's item.
    mutating func load(_ item: FieldReader) throws(APIError) {
        let elements = try Self.tools(try item.required("tools"), item.path(to: "tools"))
        for (index, element) in elements.enumerated() { try decodeTool(try item.element(element, of: "tools", at: index), index) }
        let most = InputLimits.standard.tools
        if tools.count > most { throw .arrayTooLong(item.path(to: "tools"), maximum: most, got: tools.count) }
    }

    /// Returns the elements of an array of tools. Throws a 400 if there are too many.
    private static func tools(_ value: JSON, _ path: JSONPath) throws(APIError) -> [JSON] {
        guard let array = value.arrayValue else { throw .wrongType(path, expected: "an array of objects", got: value) }
        let most = InputLimits.standard.tools
        if array.count > most { throw .arrayTooLong(path, maximum: most, got: array.count) }
        return array
    }

    // MARK: Tools

    private mutating func decodeTool(_ fields: FieldReader, _ index: Int, in namespace: String? = nil) throws(APIError) {
        let type = try fields.requiredString("type")
        switch type {
        case "function":
            let function = try inner(fields, "function")
            // Tools with `defer_loading` are available at once, so the field is only checked.
            if shape == .flat { _ = try fields.bool("defer_loading") }
            let tool = try self.function(function, isStrictIfPossible: shape == .flat)
            try add(tool, in: namespace, at: function.path)
        case "custom":
            let custom = try inner(fields, "custom")
            // The number is unique among all tools, including those in namespaces.
            let tool = try self.custom(custom, number: tools.count)
            try add(tool, .custom, in: namespace, at: custom.path)
        case "namespace" where shape == .flat && namespace == nil: try decodeNamespace(fields)
        case "local_shell" where shape == .flat: try add(ClientTools.localShell, .localShell, at: fields.path)
        case "apply_patch" where shape == .flat: try add(ClientTools.applyPatch, .applyPatch, at: fields.path)
        case "shell" where shape == .flat && Self.runsAtClient(fields): try add(ClientTools.shell, .shell, at: fields.path)
        case "tool_search" where shape == .flat && fields.value("execution") == "client":
            try add(try ClientTools.toolSearch(fields, &hasRepairs), .toolSearch, at: fields.path)
        default:
            // OpenAI runs these tools itself. The conversation continues without them.
            ignored.append("\(fields.path)")
        }
    }

    /// Decodes the tools of one server or one purpose. Their names may equal those of tools outside the namespace.
    private mutating func decodeNamespace(_ fields: FieldReader) throws(APIError) {
        let name = try name(fields)
        let elements = try Self.tools(try fields.required("tools"), fields.path(to: "tools"))
        if tools.count + elements.count > InputLimits.standard.tools {
            throw .arrayTooLong(fields.path(to: "tools"), maximum: InputLimits.standard.tools, got: tools.count + elements.count)
        }
        let first = tools.count
        for (index, element) in elements.enumerated() {
            try decodeTool(try fields.element(element, of: "tools", at: index), index, in: name)
        }
        // The namespace's description becomes a part of its first tool's description.
        if let about = try fields.string("description"), !about.isEmpty, tools.indices.contains(first) {
            tools[first].description = [about, tools[first].description].compactMap { $0 }.joined(separator: "\n")
        }
    }

    /// Returns whether the client runs the shell. OpenAI itself runs a shell in a container.
    private static func runsAtClient(_ fields: FieldReader) -> Bool {
        guard let environment = fields.value("environment") else { return true }
        return environment["type"] == "local"
    }

    private func inner(_ fields: FieldReader, _ name: String) throws(APIError) -> FieldReader {
        if shape == .flat { return fields }
        guard let inner = try fields.nested(name) else { throw .missing(fields.path(to: name)) }
        return inner
    }

    private mutating func add(
        _ tool: Tool, _ kind: CalledTool.Kind = .function, in namespace: String? = nil, at path: JSONPath
    ) throws(APIError) {
        let called = CalledTool(tool.name, namespace: namespace, kind: kind)
        var tool = tool
        tool.name = CalledTool.nameForModel(tool.name, in: namespace)
        if passesOverKnown, names.contains(tool.name) { return }
        if kind != .function || namespace != nil { dialect.tools[tool.name] = called }
        guard names.insert(tool.name).inserted else {
            throw APIError(
                status: 400, message: "Invalid '\(path.key("name"))': there is another tool with the name '\(tool.name)'.",
                param: "\(path.key("name"))", code: "invalid_value")
        }
        tools.append(tool)
    }

    /// Returns the schema of a call's arguments, which must be an object; nil if the field is absent.
    /// - isRepaired: set to true if the schema had an empty array in place of an empty object, or the reverse.
    static func parameters(_ fields: FieldReader, _ isRepaired: inout Bool) throws(APIError) -> JSON? {
        guard let given = fields.value("parameters") else { return nil }
        let repaired = SchemaRepair.repaired(given)
        if repaired != nil { isRepaired = true }
        let parameters = repaired ?? given
        guard parameters.objectValue != nil else {
            throw .wrongType(fields.path(to: "parameters"), expected: "an object", got: parameters)
        }
        if let type = parameters["type"], type != "object", type.arrayValue?.contains("object") != true, !type.isNull {
            let path = "\(fields.path(to: "parameters"))"
            throw APIError(
                status: 400, message: "Invalid schema for '\(path)': schema must be a JSON Schema of 'type: \"object\"', got 'type: \(type.text)'.",
                param: path, code: "invalid_function_parameters")
        }
        return parameters
    }

    /// - isStrictIfPossible: whether to make the schema strict if the function does not set `strict`. A schema that cannot be made strict is used as
    ///   it is.
    private mutating func function(_ fields: FieldReader, isStrictIfPossible: Bool = false) throws(APIError) -> Tool {
        var parameters = try Self.parameters(fields, &hasRepairs)
        // An empty schema would allow anything, but it means a call without arguments.
        let isEmpty = parameters?.objectValue?.isEmpty ?? true
        let isStrict = try fields.bool("strict")
        if isStrictIfPossible, isStrict == nil { parameters = parameters.map { StrictSchema.made(of: $0) ?? $0 } }
        return Tool(
            name: try name(fields), description: try fields.string("description"), parameters: isEmpty ? JSON?.none : parameters,
            isStrict: isStrict ?? false)
    }

    /// Returns a custom tool, whose input is a text. The model sees it as a function with one argument.
    private func custom(_ fields: FieldReader, number: Int) throws(APIError) -> Tool {
        var inputGrammar: Tool.InputGrammar?
        var description = try fields.string("description")
        if let format = try fields.nested("format") {
            let type = try format.requiredString("type")
            switch type {
            case "text": break
            case "grammar":
                let grammar = try inner(format, "grammar")
                let syntax = try grammar.choice("syntax", as: GrammarSyntax.self)
                let definition = try grammar.requiredString("definition")
                inputGrammar = try Self.inputGrammar(syntax, definition, prefix: "input-\(number)-", grammar.path(to: "definition"))
                let words = "The input fits this \(syntax == .lark ? "Lark grammar" : "regular expression"):\n\(definition)"
                description = description.map { "\($0)\n\(words)" } ?? words
            default: throw .invalidValue(format.path(to: "type"), type, supported: ["text", "grammar"])
            }
        }
        return Tool(
            name: try name(fields), description: description,
            parameters: [
                "type": "object", "properties": [CallDialect.inputName: ["type": "string"]], "required": [.string(CallDialect.inputName)],
                "additionalProperties": false,
            ], isStrict: true, inputGrammar: inputGrammar)
    }

    private enum GrammarSyntax: String, CaseIterable { case lark, regex }

    private static func inputGrammar(
        _ syntax: GrammarSyntax, _ definition: String, prefix: String, _ path: JSONPath
    ) throws(APIError) -> Tool.InputGrammar {
        do {
            _ = try GrammarDecoder.bounded(definition, path)
            switch syntax {
            case .lark:
                let grammar = try LarkGrammar(definition, prefix: prefix, in: .jsonString)
                return Tool.InputGrammar(rules: grammar.rules, root: grammar.root)
            case .regex:
                let expression = try RegexGrammar.expression(definition, in: .jsonString)
                return Tool.InputGrammar(rules: "\(prefix)root ::= \(expression)\n", root: "\(prefix)root")
            }
        } catch let error as GrammarTextError {
            throw APIError(status: 400, message: "Invalid '\(path)': \(error.description).", param: "\(path)", code: "invalid_value")
        } catch let error as APIError {
            throw error
        } catch {
            throw .internal("The server could not process a grammar.")
        }
    }

    private func name(_ fields: FieldReader) throws(APIError) -> String {
        let name = try fields.requiredString("name")
        let isPlain = name.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D
        }
        guard isPlain, (1...limits.toolName).contains(name.utf8.count) else {
            throw APIError(
                status: 400,
                message: "Invalid '\(fields.path(to: "name"))': string does not match pattern. Expected a string that matches the pattern "
                    + "'^[a-zA-Z0-9_-]{1,\(limits.toolName)}$'.", param: "\(fields.path(to: "name"))", code: "invalid_value")
        }
        return name
    }

    // MARK: Choices

    private func decodeChoice(_ fields: FieldReader) throws(APIError) -> ToolChoice {
        guard let value = fields.value("tool_choice") else { return ToolChoice(tools.isEmpty ? .none : .auto) }
        let path = fields.path(to: "tool_choice")
        if let word = value.stringValue {
            let isMistrals = shape == .nested && word == "any"
            guard let mode = isMistrals ? ToolChoice.Mode.required : ToolChoice.Mode(rawValue: word) else {
                throw .invalidValue(path, word, supported: ["none", "auto", "required"])
            }
            if mode == .required || (mode == .auto && shape == .nested && fields.value("tools") == nil) { try needTools(path) }
            return ToolChoice(tools.isEmpty ? .none : mode)
        }
        guard value.objectValue != nil else { throw .wrongType(path, expected: "a string or an object", got: value) }
        let choice = try FieldReader(value, path: path)
        try needTools(path)
        let type = try choice.requiredString("type")
        let supported = ["function", "custom"] + (shape == .flat ? ["local_shell", "shell", "apply_patch", "tool_search"] : []) + ["allowed_tools"]
        guard supported.contains(type) else { throw .invalidValue(choice.path(to: "type"), type, supported: supported) }
        if type == "allowed_tools" {
            // OpenAI's spec nests this object; some clients do not.
            let allowed = try choice.nested("allowed_tools") ?? choice
            return try decodeAllowed(allowed, path)
        }
        let name = CalledTool.Kind(rawValue: type)?.isNamed == true ? try named(try inner(choice, type)) : type
        return ToolChoice(.required, names: [try known(name, path)], isOneCall: true)
    }

    private func decodeAllowed(_ allowed: FieldReader, _ path: JSONPath) throws(APIError) -> ToolChoice {
        let mode = try allowed.requiredString("mode")
        guard mode == "auto" || mode == "required" else { throw .invalidValue(allowed.path(to: "mode"), mode, supported: ["auto", "required"]) }
        let elements = try Self.tools(try allowed.required("tools"), allowed.path(to: "tools"))
        if elements.isEmpty { throw .emptyArray(allowed.path(to: "tools")) }
        var names: [String] = []
        for (index, element) in elements.enumerated() {
            let tool = try allowed.element(element, of: "tools", at: index)
            let type = try tool.requiredString("type")
            if type == "namespace", shape == .flat {
                let space = try tool.requiredString("name")
                names += tools.map(\.name).filter { dialect.tools[$0]?.namespace == space }
            } else if let kind = CalledTool.Kind(rawValue: type) {
                names.append(try known(kind.isNamed ? try named(try tool.nested(type) ?? tool) : type, path))
            }
        }
        if names.isEmpty { throw .emptyArray(allowed.path(to: "tools")) }
        return ToolChoice(mode == "required" ? .required : .auto, names: names)
    }

    private func decodeFunctionCall(_ fields: FieldReader) throws(APIError) -> ToolChoice {
        guard let value = fields.value("function_call") else { return ToolChoice(tools.isEmpty ? .none : .auto) }
        let path = fields.path(to: "function_call")
        if let word = value.stringValue {
            guard word == "none" || word == "auto" else { throw .invalidValue(path, word, supported: ["none", "auto"]) }
            return ToolChoice(word == "none" || tools.isEmpty ? .none : .auto)
        }
        guard value.objectValue != nil else { throw .wrongType(path, expected: "a string or an object", got: value) }
        return ToolChoice(.required, names: [try known(try FieldReader(value, path: path).requiredString("name"), path)], isOneCall: true)
    }

    /// Returns the model's name for the tool that a choice names.
    private func named(_ choice: FieldReader) throws(APIError) -> String {
        CalledTool.nameForModel(try choice.requiredString("name"), in: try choice.string("namespace"))
    }

    private func needTools(_ path: JSONPath) throws(APIError) {
        if tools.isEmpty {
            let reason =
                ignored.isEmpty
                ? "'\(path)' is only allowed when 'tools' are specified."
                : "'tools' has only hosted tools, which this server does not run and leaves out. Add a tool that the client runs, such as a function."
            throw APIError(status: 400, message: "Invalid value for '\(path)': \(reason)", param: "\(path)", code: "invalid_value")
        }
    }

    private func known(_ name: String, _ path: JSONPath) throws(APIError) -> String {
        if names.contains(name) { return name }
        throw APIError(
            status: 400, message: "Invalid value for '\(path)': there is no tool with the name '\(name)' in 'tools'.", param: "\(path)",
            code: "invalid_value")
    }
}
