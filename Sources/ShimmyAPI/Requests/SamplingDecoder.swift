import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of the sampling parameters: OpenAI's fields, and llama.cpp's as extensions.
enum SamplingDecoder {
    /// - takesVLLMs: whether the request may also use vLLM's names of these fields.
    static func decode(_ fields: FieldReader, takesVLLMs: Bool = false) throws(APIError) -> SamplingParameters {
        var sampling = SamplingParameters(
            temperature: Float(try fields.decimal("temperature", in: 0...2) ?? 1), topP: Float(try fields.decimal("top_p", in: 0...1) ?? 1),
            seed: try fields.integer("seed", in: .min ... .max))
        sampling.frequencyPenalty = Float(try fields.decimal("frequency_penalty", in: -2...2) ?? 0)
        sampling.presencePenalty = Float(try fields.decimal("presence_penalty", in: -2...2) ?? 0)
        sampling.bias = try bias(fields)
        sampling.topK = Int(try fields.integer("top_k", in: -1...Int64(Int32.max)) ?? 0)
        sampling.minP = Float(try fields.decimal("min_p", in: 0...1) ?? 0)
        sampling.typicalP = Float(try fields.decimal("typical_p", in: 0...1) ?? 1)
        sampling.repeatPenalty = Float(try fields.decimal("repeat_penalty", in: 0.01...100) ?? 1)
        sampling.repeatWindow = Int(try fields.integer("repeat_last_n", in: 0...65536) ?? 64)
        if takesVLLMs, let penalty = try fields.decimal("repetition_penalty", in: 0.01...100) {
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
        sampling.dry = try dry(fields)
        sampling.xtcProbability = Float(try fields.decimal("xtc_probability", in: 0...1) ?? 0)
        sampling.xtcThreshold = Float(try fields.decimal("xtc_threshold", in: 0...1) ?? 0.1)
        sampling.mirostat = try mirostat(fields)
        return sampling
    }

    private static func dry(_ fields: FieldReader) throws(APIError) -> RepetitionPenalty? {
        var penalty = RepetitionPenalty(multiplier: Float(try fields.decimal("dry_multiplier", in: 0...100) ?? 0))
        if let base = try fields.decimal("dry_base", in: 1...100) { penalty.base = Float(base) }
        if let length = try fields.integer("dry_allowed_length", in: 1...65536) { penalty.allowedLength = Int(length) }
        if let window = try fields.integer("dry_penalty_last_n", in: -1...65536), window >= 0 { penalty.window = Int(window) }
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

    private static func mirostat(_ fields: FieldReader) throws(APIError) -> Mirostat? {
        let version = Int(try fields.integer("mirostat", in: 0...2) ?? 0)
        let target = try fields.decimal("mirostat_tau", in: 0...100)
        let rate = try fields.decimal("mirostat_eta", in: 0...1)
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
