import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of the sampling parameters: OpenAI's fields, and llama.cpp's as extensions.
enum SamplingDecoder {
    /// - limits: the limits of the client's API.
    /// - takesVLLMs: whether the request may also use vLLM's names of these fields.
    static func decode(_ fields: FieldReader, _ limits: SamplingLimits = .openAI, takesVLLMs: Bool = false) throws(APIError) -> SamplingParameters {
        var sampling = SamplingParameters(
            temperature: Float(try fields.decimal(.temperature, limits) ?? 1), topP: Float(try fields.decimal(.topP, limits) ?? 1),
            seed: try fields.integer("seed", in: .min ... .max))
        sampling.frequencyPenalty = Float(try fields.decimal(.frequencyPenalty, limits) ?? 0)
        sampling.presencePenalty = Float(try fields.decimal(.presencePenalty, limits) ?? 0)
        sampling.bias = try bias(fields)
        sampling.topK = try fields.integer(.topK, limits) ?? 0
        sampling.minP = Float(try fields.decimal(.minP, limits) ?? 0)
        sampling.typicalP = Float(try fields.decimal(.typicalP, limits) ?? 1)
        sampling.repeatPenalty = Float(try fields.decimal(.repeatPenalty, limits) ?? 1)
        sampling.repeatWindow = try fields.integer(.repeatLastN, limits) ?? 64
        if takesVLLMs, let penalty = try fields.decimal("repetition_penalty", in: SamplingParameter.repeatPenalty.range) {
            if fields.value("repeat_penalty") != nil {
                throw APIError(
                    status: 400, message: "Invalid 'repetition_penalty': it cannot be used together with 'repeat_penalty'.",
                    param: "repetition_penalty", code: "invalid_value")
            }
            // vLLM's penalty covers the whole prompt and answer.
            (sampling.repeatPenalty, sampling.repeatWindow) = (Float(penalty), .max)
        }
        sampling.minimumTokens = Int(try fields.integer("min_tokens", in: 0...Int64(Int32.max)) ?? 0)
        sampling.ignoresEnd = try fields.bool("ignore_eos") ?? false
        sampling.dry = try dry(fields, limits)
        sampling.xtcProbability = Float(try fields.decimal(.xtcProbability, limits) ?? 0)
        sampling.xtcThreshold = Float(try fields.decimal(.xtcThreshold, limits) ?? 0.1)
        sampling.mirostat = try mirostat(fields, limits)
        sampling.neutral = neutral(sampling, fields)
        return sampling
    }

    private static func neutral(_ sampling: SamplingParameters, _ fields: FieldReader) -> SamplingParameters.Neutral {
        func isGiven(_ parameter: SamplingParameter) -> Bool { fields.value(parameter.rawValue) != nil }
        var neutral: SamplingParameters.Neutral = []
        if sampling.temperature == 1, isGiven(.temperature) { neutral.insert(.temperature) }
        if sampling.topP == 1, isGiven(.topP) { neutral.insert(.topP) }
        if sampling.topK == 0, isGiven(.topK) { neutral.insert(.topK) }
        if sampling.minP == 0, isGiven(.minP) { neutral.insert(.minP) }
        if sampling.repeatPenalty == 1, isGiven(.repeatPenalty) { neutral.insert(.repeatPenalty) }
        return neutral
    }

    private static func dry(_ fields: FieldReader, _ limits: SamplingLimits) throws(APIError) -> RepetitionPenalty? {
        var penalty = RepetitionPenalty(multiplier: Float(try fields.decimal(.dryMultiplier, limits) ?? 0))
        if let base = try fields.decimal(.dryBase, limits) { penalty.base = Float(base) }
        if let length = try fields.integer(.dryAllowedLength, limits) { penalty.allowedLength = length }
        if let window = try fields.integer(.dryPenaltyLastN, limits), window >= 0 { penalty.window = window }
        if let value = fields.value("dry_sequence_breakers") {
            penalty.breakers = try strings(value, fields.path(to: "dry_sequence_breakers"))
        }
        return penalty.multiplier > 0 && penalty.window != 0 ? penalty : nil
    }

    /// Returns up to 32 texts of up to 64 bytes each. Throws a 400 if there are more or longer ones.
    private static func strings(_ value: JSON, _ path: JSONPath) throws(APIError) -> [String] {
        guard let array = value.arrayValue else { throw .wrongType(path, expected: "an array of strings", got: value) }
        if array.count > 32 { throw .arrayTooLong(path, maximum: 32, got: array.count) }
        var strings: [String] = []
        for (index, element) in array.enumerated() {
            guard let string = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            if string.utf8.count > 64 { throw .stringTooLong(path.index(index), maximum: 64, got: string.utf8.count) }
            strings.append(string)
        }
        return strings
    }

    private static func mirostat(_ fields: FieldReader, _ limits: SamplingLimits) throws(APIError) -> Mirostat? {
        let version = try fields.integer(.mirostat, limits) ?? 0
        let target = try fields.decimal(.mirostatTau, limits)
        let rate = try fields.decimal(.mirostatEta, limits)
        guard var mirostat = Mirostat.Version(rawValue: version).map(Mirostat.init) else { return nil }
        if let target { mirostat.target = Float(target) }
        if let rate { mirostat.rate = Float(rate) }
        return mirostat
    }

    /// Returns the bias of each token. The field has token IDs as strings, with numbers from -100 to 100.
    private static func bias(_ fields: FieldReader) throws(APIError) -> [Token: Float] {
        guard let value = fields.value("logit_bias") else { return [:] }
        let path = fields.path(to: "logit_bias")
        guard let object = value.objectValue else { throw .wrongType(path, expected: "an object", got: value) }
        var bias: [Token: Float] = [:]
        for (key, value) in object {
            guard let token = Token(key), token >= 0 else {
                throw APIError(
                    status: 400, message: "Invalid key in 'logit_bias': '\(key)' is not the id of a token.", param: "logit_bias",
                    code: "invalid_value")
            }
            guard let number = value.doubleValue else { throw .wrongType(path.key(key), expected: "a number", got: value) }
            if number < -100 { throw .belowMinimum(path.key(key), kind: "decimal", minimum: "-100", got: value.text) }
            if number > 100 { throw .aboveMaximum(path.key(key), kind: "decimal", maximum: "100", got: value.text) }
            bias[token] = Float(number)
        }
        return bias
    }

    /// Returns the number of tokens beside the drawn one whose log probabilities a chat request wants; nil for no log probabilities.
    static func chatLogprobs(_ fields: FieldReader) throws(APIError) -> Int? {
        let wanted = try fields.bool("logprobs") ?? false
        guard let count = try fields.integer("top_logprobs", in: 0...20) else { return wanted ? 0 : nil }
        if !wanted, count > 0 {
            throw APIError(
                status: 400, message: "Invalid value for 'top_logprobs': it needs 'logprobs' to be true.", param: "top_logprobs",
                code: "invalid_value")
        }
        return wanted ? Int(count) : nil
    }
}
