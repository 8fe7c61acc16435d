import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// The encoder of the settings of a request, as `generation_settings` of an answer and in `GET /props`.
enum LlamaServerSettings {
    static func json(_ text: TextRequest, _ form: LlamaServerForm) -> JSONObject {
        var settings = sampling(text.sampling)
        let limit: JSON = .int(text.maximumTokens == Int(Int32.max) ? -1 : text.maximumTokens)
        settings["stop"] = .array(text.stops.map(JSON.string))
        settings["max_tokens"] = limit
        settings["n_predict"] = limit
        settings["n_keep"] = 0
        settings["n_discard"] = 0
        settings["stream"] = .bool(form.streams)
        settings["grammar"] = .string(grammar(text))
        settings["samplers"] = .array(LlamaServerSamplers.names.map(JSON.string))
        settings["timings_per_token"] = .bool(form.timesTokens)
        settings["post_sampling_probs"] = false
        settings["lora"] = .array((text.adapters ?? []).map(adapter))
        return settings
    }

    private static func grammar(_ text: TextRequest) -> String {
        if case .grammar(let grammar) = text.form { return grammar }
        return ""
    }

    private static func adapter(_ choice: AdapterChoice) -> JSON {
        var object: JSONObject = ["scale": .float(choice.scale)]
        switch choice.reference {
        case .name(let name): object["name"] = .string(name)
        case .index(let index): object["id"] = .int(index)
        }
        return .object(object)
    }

    private static func sampling(_ sampling: SamplingParameters) -> JSONObject {
        let dry = sampling.dry ?? RepetitionPenalty(multiplier: 0)
        let mirostat = sampling.mirostat ?? Mirostat(version: .first)
        // llama-server writes its number for a random seed.
        let seed: Int64 = sampling.seed ?? 4_294_967_295
        let bias = sampling.bias.sorted { $0.key < $1.key }.map { token, bias -> JSON in ["token": .int(Int(token)), "bias": .float(bias)] }
        return [
            "seed": .int(Int(seed)), "temperature": .float(sampling.temperature), "dynatemp_range": 0, "dynatemp_exponent": 1,
            "top_k": .int(sampling.topK), "top_p": .float(sampling.topP), "min_p": .float(sampling.minP), "top_n_sigma": -1,
            "xtc_probability": .float(sampling.xtcProbability), "xtc_threshold": .float(sampling.xtcThreshold),
            "typical_p": .float(sampling.typicalP), "repeat_last_n": .int(sampling.repeatWindow),
            "repeat_penalty": .float(sampling.repeatPenalty), "presence_penalty": .float(sampling.presencePenalty),
            "frequency_penalty": .float(sampling.frequencyPenalty), "dry_multiplier": .float(dry.multiplier), "dry_base": .float(dry.base),
            "dry_allowed_length": .int(dry.allowedLength), "dry_penalty_last_n": .int(dry.window ?? -1),
            "dry_sequence_breakers": .array(dry.breakers.map(JSON.string)), "mirostat": .int(sampling.mirostat?.version.rawValue ?? 0),
            "mirostat_tau": .float(mirostat.target), "mirostat_eta": .float(mirostat.rate), "ignore_eos": .bool(sampling.ignoresEnd),
            "logit_bias": .array(bias), "n_probs": .int(sampling.logprobs ?? 0), "min_keep": 0,
        ]
    }
}
