import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// The fields that `/completion` and `/infill` have in common, translated to fields of a completion.
struct LlamaServerFields {
    let reader: FieldReader
    let model: String
    let stream: Bool
    let keepAlive: KeepAlive?
    /// The translated fields.
    private(set) var request: JSONObject
    private(set) var names = FieldNames()
    private(set) var ignored: ReportedNames
    private(set) var stops = StopStrings()
    private(set) var bias: LlamaServerBias
    /// The number of most likely tokens whose log probabilities the request wants; nil for no log probabilities.
    private(set) var logprobs: Int?
    private(set) var form: TextForm?
    private(set) var lines: LineLimits?
    /// The fields of the response that the client wants; nil for all.
    private(set) var responseFields: [String]?
    private(set) var timesTokens = false
    private(set) var returnsTokens = false

    /// The fields that have the same name and meaning in a completion.
    private static let sameNames =
        OllamaParameters.sameNames + [
            "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "xtc_probability", "xtc_threshold",
            "ignore_eos", "lora",
        ]
    /// The number that stands for a random seed in llama-server: -1 as an unsigned integer.
    private static let randomSeed = 4_294_967_295
    private static let numbers = Int64(Int32.min)...Int64(Int32.max)
    private static let mostResponseFields = 64

    init(_ reader: FieldReader, _ endpoint: EndpointRow) throws(APIError) {
        self.reader = reader
        ignored = try endpoint.check(reader.object)
        model = try reader.requiredString("model")
        stream = try reader.bool("stream") ?? false
        keepAlive = try SharedFields.keepAlive(reader)
        request = ["model": .string(model), "stream": .bool(stream), "prompt": ""]
        bias = try LlamaServerBias(reader, "logit_bias")
        set("keep_alive", reader.value("keep_alive"))
        try readLimits()
        try readSampling()
        try readForm()
        try readAnswer()
    }

    private mutating func set(_ field: String, _ value: JSON?, from name: String? = nil) {
        guard let value else { return }
        request[field] = value
        names.note(field, as: name ?? field)
    }

    private mutating func readLimits() throws(APIError) {
        let (limit, alias) = (try reader.wholePart("n_predict", in: Self.numbers), try reader.wholePart("max_tokens", in: Self.numbers))
        if let tokens = limit ?? alias {
            // -1 means without a limit, -2 as much as fits into the context.
            set("max_tokens", .int(Int(tokens < 0 ? Self.numbers.upperBound : tokens)), from: limit == nil ? "max_tokens" : "n_predict")
        }
        let (count, alternative) = (reader.value("n_cmpl"), reader.value("n"))
        set("n", count ?? alternative, from: count == nil ? "n" : "n_cmpl")
        stops = try StopStrings(reader, "stop", takesString: true)
        if reader.value("stop") != nil { set("stop", stops.json) }
        let indentation = Int(try reader.integer("n_indent", in: 0...Int64(Int32.max)) ?? 0)
        let milliseconds = try reader.integer("t_max_predict_ms", in: -1...Int64(Int32.max)) ?? 0
        let limits = LineLimits(indentation: indentation, duration: milliseconds > 0 ? .milliseconds(milliseconds) : nil)
        lines = limits == LineLimits() ? nil : limits
    }

    private mutating func readSampling() throws(APIError) {
        for name in Self.sameNames { set(name, reader.value(name)) }
        if let tokens = try reader.wholePart("repeat_last_n", in: Self.numbers) {
            set("repeat_last_n", .int(min(OllamaParameters.repeatLength(Int(tokens)), OllamaParameters.longestRepeat)))
        }
        if let seed = try reader.seed(), seed != -1, seed != Self.randomSeed { set("seed", .int(seed)) }
        if reader.value("logit_bias") != nil { set("logit_bias", .object(bias.tokens)) }
        let count = Int(try reader.integer("n_probs", in: 0...20) ?? 0)
        logprobs = count > 0 ? count : nil
        let samplers = try LlamaServerSamplers.fields(reader, "samplers")
        for (field, value) in samplers.off { set(field, value, from: "samplers") }
        if samplers.isIncomplete { ignored.append("samplers") }
    }

    private mutating func readForm() throws(APIError) {
        let grammar = try reader.string("grammar") ?? ""
        let schema = reader.value("json_schema")
        if !grammar.isEmpty {
            form = .grammar(try GrammarDecoder.bounded(grammar, reader.path(to: "grammar")))
            // As in llama-server, the grammar wins.
            if schema != nil { ignored.append("json_schema") }
        } else if let schema {
            form = .schema(try FormatDecoder.object(schema, reader.path(to: "json_schema")))
            names.note("response_format.json_schema.schema", as: "json_schema")
        }
    }

    private mutating func readAnswer() throws(APIError) {
        timesTokens = try reader.bool("timings_per_token") ?? false
        returnsTokens = try reader.bool("return_tokens") ?? false
        guard let value = reader.value("response_fields") else { return }
        let fields = try FieldReader.strings(in: value, at: reader.path(to: "response_fields"), most: Self.mostResponseFields)
        // As in llama-server, an empty list means all fields.
        responseFields = fields.isEmpty ? nil : fields
    }
}
