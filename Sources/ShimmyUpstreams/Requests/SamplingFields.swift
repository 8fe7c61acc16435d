import ShimmyCore
import ShimmyJSON

/// Writes sampling parameters into a request, and notes those that the upstream does not honour.
struct SamplingFields {
    private(set) var json: JSONObject
    /// The API's names of the fields without effect.
    private(set) var withoutEffect: [String] = []
    private let fields: UpstreamFields
    private let kind: UpstreamKind
    /// Whether the request is one for chat completions or text completions.
    private let isCompletion: Bool

    /// - fields: the fields that the upstream honours in such a request.
    init(_ json: JSONObject, _ kind: UpstreamKind, _ fields: UpstreamFields, isCompletion: Bool = false) {
        self.json = json
        self.kind = kind
        self.fields = fields
        self.isCompletion = isCompletion
    }

    /// Sets a field under the upstream's name, or notes that it has no effect.
    mutating func set(_ field: UpstreamField, _ value: JSON, if isSet: Bool = true) {
        guard isSet else { return }
        if let name = fields.name(field) { json[name] = value } else { withoutEffect.append(field.rawValue) }
    }

    /// Sets a field that all upstreams of the kind take.
    mutating func set(_ name: String, _ value: JSON) { json[name] = value }

    mutating func write(_ sampling: SamplingParameters) {
        writeNeutral(sampling.neutral)
        set(.temperature, WireJSON.number(sampling.temperature), if: sampling.temperature != 1)
        set(.topP, WireJSON.number(sampling.topP), if: sampling.topP != 1)
        if let seed = sampling.seed { set(.seed, Self.seed(seed, kind)) }
        set(.frequencyPenalty, WireJSON.number(sampling.frequencyPenalty), if: sampling.frequencyPenalty != 0)
        set(.presencePenalty, WireJSON.number(sampling.presencePenalty), if: sampling.presencePenalty != 0)
        set(.bias, Self.bias(sampling.bias), if: !sampling.bias.isEmpty)
        set(.topK, .int(sampling.topK), if: sampling.topK > 0)
        set(.minP, WireJSON.number(sampling.minP), if: sampling.minP > 0)
        set(.typicalP, WireJSON.number(sampling.typicalP), if: sampling.typicalP != 1)
        writePenalties(sampling)
        set(.minimumTokens, .int(sampling.minimumTokens), if: sampling.minimumTokens > 0)
        set(.ignoresEnd, true, if: sampling.ignoresEnd)
        set(.xtcProbability, WireJSON.number(sampling.xtcProbability), if: sampling.xtcProbability > 0)
        if sampling.xtcProbability > 0, fields.name(.xtcProbability) != nil { json["xtc_threshold"] = WireJSON.number(sampling.xtcThreshold) }
        if let mirostat = sampling.mirostat {
            set(.mirostat, .int(mirostat.version.rawValue))
            if fields.name(.mirostat) != nil {
                json["mirostat_tau"] = WireJSON.number(mirostat.target)
                json["mirostat_eta"] = WireJSON.number(mirostat.rate)
            }
        }
    }

    /// Sends the parameters that the request sets to neutral values, because the upstream's own defaults may not be neutral.
    private mutating func writeNeutral(_ neutral: SamplingParameters.Neutral) {
        let all: [(SamplingParameters.Neutral, UpstreamField, JSON)] = [
            // vLLM and SGLang keep all tokens at -1, the others at 0.
            (.temperature, .temperature, 1), (.topP, .topP, 1), (.topK, .topK, .int(kind == .vllm || kind == .sglang ? -1 : 0)), (.minP, .minP, 0),
            (.repeatPenalty, .repeatPenalty, 1),
        ]
        for (parameter, field, value) in all where neutral.contains(parameter) {
            // An upstream without the parameter behaves as with the neutral value.
            if let name = fields.name(field) { json[name] = value }
        }
    }

    private mutating func writePenalties(_ sampling: SamplingParameters) {
        let covers = sampling.repeatWindow == .max
        if sampling.repeatPenalty != 1 {
            if kind == .shimmy, isCompletion, covers {
                json["repetition_penalty"] = WireJSON.number(sampling.repeatPenalty)
            } else {
                set(.repeatPenalty, WireJSON.number(sampling.repeatPenalty))
                // A penalty without a window covers the whole prompt and answer.
                let isOther = fields.name(.repeatPenalty) != nil && !(covers && fields.name(.repeatWindow) == nil)
                set(.repeatWindow, .int(covers ? -1 : sampling.repeatWindow), if: isOther && sampling.repeatWindow != 64)
            }
        }
        guard let dry = sampling.dry else { return }
        set(.dryMultiplier, WireJSON.number(dry.multiplier))
        guard fields.name(.dryMultiplier) != nil else { return }
        json["dry_base"] = WireJSON.number(dry.base)
        json["dry_allowed_length"] = .int(dry.allowedLength)
        json["dry_penalty_last_n"] = .int(dry.window ?? -1)
        json["dry_sequence_breakers"] = .array(dry.breakers.map(JSON.string))
    }

    /// Returns the bodies of several requests with one choice each.
    /// - seed: the seed of the first choice; nil if the request has none.
    func bodies(choices: Int, seed: Int64?) -> [JSONObject] {
        (0..<max(1, choices)).map { index in
            var body = json
            // Equal seeds would make equal choices.
            if index > 0, let seed, let name = fields.name(.seed) { body[name] = Self.seed(seed &+ Int64(index), kind) }
            return body
        }
    }

    /// Returns a seed as the upstream takes it.
    private static func seed(_ seed: Int64, _ kind: UpstreamKind) -> JSON {
        // llama-server reads the low 32 bits, and draws a seed if all of them are set.
        let isDrawn = kind == .llamaServer && UInt32(truncatingIfNeeded: seed) == .max
        return .number(JSONNumber(isDrawn ? Int64(Int32.max) : seed))
    }

    private static func bias(_ bias: [Token: Float]) -> JSON {
        var object: JSONObject = [:]
        for (token, value) in bias.sorted(by: { $0.key < $1.key }) { object["\(token)"] = WireJSON.number(value) }
        return .object(object)
    }
}
