import ShimmyCore
import ShimmyJSON

/// The fields that `/api/chat` and `/api/generate` have in common, translated to fields of Shimmy's own requests.
struct OllamaFields {
    let reader: FieldReader
    let model: String
    let stream: Bool
    let keepAlive: KeepAlive?
    /// The number of tokens beside the drawn one whose log probabilities the request wants; nil for no log probabilities.
    let logprobs: Int?
    /// `options.num_ctx`; nil for the model's own context length.
    private(set) var contextLength: Int?
    /// The translated fields.
    private(set) var request: JSONObject
    private(set) var names = FieldNames()
    private(set) var ignored: ReportedNames
    private(set) var stops = StopStrings()
    /// Whether the request needs a model that reasons.
    private(set) var needsReasoning = false

    init(_ reader: FieldReader, _ endpoint: EndpointRow) throws(APIError) {
        self.reader = reader
        var ignored = try endpoint.check(reader.object)
        model = try reader.requiredString("model")
        stream = try reader.bool("stream") ?? true
        keepAlive = try SharedFields.keepAlive(reader)
        let wantsLogprobs = try reader.bool("logprobs") ?? false
        let top = Int(try reader.integer("top_logprobs", in: 0...20) ?? 0)
        if top > 0, !wantsLogprobs { ignored.append("top_logprobs") }
        logprobs = wantsLogprobs ? top : nil
        self.ignored = ignored
        request = ["model": .string(model), "stream": .bool(stream)]
        set("keep_alive", reader.value("keep_alive"), from: .key("keep_alive"))
        try readOptions()
    }

    private mutating func set(_ field: String, _ value: JSON?, from path: JSONPath) {
        guard let value else { return }
        request[field] = value
        names.note(field, as: "\(path)")
    }

    mutating func report(_ field: String) {
        if reader.value(field) != nil { ignored.append(field) }
    }

    // MARK: Options

    private mutating func readOptions() throws(APIError) {
        guard let options = try reader.nested("options") else { return }
        for name in OllamaParameters.sameNames { set(name, options.value(name), from: options.path(to: name)) }
        let numbers = Int64(Int32.min)...Int64(Int32.max)
        if let tokens = try options.wholePart("num_ctx", in: numbers) {
            // 0 and less ask for no length that a model can have.
            if tokens > 0 { contextLength = min(Int(tokens), InputLimits.standard.contextTokens) } else { ignored.append("options.num_ctx") }
        }
        if let tokens = try options.wholePart("num_predict", in: numbers) {
            // -1 means without a limit, -2 as much as fits into the context.
            set("max_tokens", .int(Int(tokens > 0 ? tokens : numbers.upperBound)), from: options.path(to: "num_predict"))
        }
        if let tokens = try options.wholePart("repeat_last_n", in: numbers) {
            let length = min(OllamaParameters.repeatLength(Int(tokens)), OllamaParameters.longestRepeat)
            set("repeat_last_n", .int(length), from: options.path(to: "repeat_last_n"))
        }
        // -1 means a new seed for each request.
        if let seed = try options.seed(), seed != -1 { set("seed", .int(seed), from: options.path(to: "seed")) }
        stops = try StopStrings(options, "stop", takesString: true)
        if options.value("stop") != nil { set("stop", stops.json, from: options.path(to: "stop")) }
    }

    // MARK: Reasoning and format

    private enum Level: String, CaseIterable { case low, medium, high, max }

    /// Reads `think`: whether a reasoning model reasons, and how much.
    mutating func readReasoning() throws(APIError) {
        guard let value = reader.value("think") else { return }
        let path = reader.path(to: "think")
        names.note("chat_template_kwargs.enable_thinking", as: "\(path)")
        switch value {
        case .bool(false): set("reasoning_effort", "none", from: path)
        case .bool(true): set("chat_template_kwargs", ["enable_thinking": true], from: path)
        case .string:
            let level = try reader.choice("think", as: Level.self)
            set("reasoning_effort", .string(level.rawValue), from: path)
            set("chat_template_kwargs", ["enable_thinking": true], from: path)
        default: throw .wrongType(path, expected: "a boolean or a string", got: value)
        }
        needsReasoning = value != false
    }

    /// Reads `format`: `json`, or a schema of the answer.
    mutating func readFormat() throws(APIError) {
        guard let value = reader.value("format") else { return }
        let path = reader.path(to: "format")
        switch value {
        case "": return
        case "json": set("response_format", ["type": "json_object"], from: path)
        case .object: set("response_format", ["type": "json_schema", "json_schema": ["name": "format", "schema": value]], from: path)
        case .string(let text): throw .invalidValue(path, text, supported: ["json"])
        default: throw .wrongType(path, expected: "a string or an object", got: value)
        }
        // The path in errors about the schema itself.
        names.note("response_format.json_schema.schema", as: "\(path)")
    }

    /// Throws a 400 if the request has a format although it does not use the model's template.
    /// - rival: the field that turns the template off.
    func refuseFormat(besides rival: String) throws(APIError) {
        guard let value = reader.value("format"), value != "" else { return }
        throw APIError(
            status: 400, message: "Invalid 'format': it cannot be used together with '\(rival)'.", param: "format", code: "invalid_value")
    }
}
