import ShimmyCore
package import ShimmyFormats
package import ShimmyJSON

/// The sampling parameters that a model's makers recommend, as fields of a chat request. They apply where a person chats with the model; the API
/// keeps OpenAI's defaults.
package enum RecommendedSampling {
    /// The fields, their allowed ranges, and their names in GGUF files (`general.sampling.*`) and in `generation_config.json`.
    private static let fields: [(name: String, range: ClosedRange<Double>, gguf: String, hub: String)] = [
        ("temperature", 0...2, "temp", "temperature"), ("top_p", 0...1, "top_p", "top_p"), ("top_k", 0...100_000, "top_k", "top_k"),
        ("min_p", 0...1, "min_p", "min_p"), ("repeat_penalty", 0.01...100, "penalty_repeat", "repetition_penalty"),
    ]

    /// Recommendations for models whose files do not contain any, by prefix of the file name.
    private static let known: [(name: String, fields: JSONObject)] = [
        // https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct, which has a `top_p` of 0.9. The smallest model is less certain of its words,
        // mainly with weights of 4 bits: with 0.9, a third of its answers begin with a wrong word.
        ("smollm2-135m", ["temperature": 0.2, "top_p": 0.5]), ("smollm2", ["temperature": 0.2, "top_p": 0.9]),
    ]

    package static func fields(_ header: GGUFHeader) -> JSONObject {
        read { header.metadata["general.sampling.\($0.gguf)"]?.numberValue }
    }

    /// - config: the content of a folder's `generation_config.json`.
    package static func fields(generationConfig config: JSON) -> JSONObject { read { config[$0.hub]?.doubleValue } }

    /// - name: the name of the model's file.
    package static func fields(named name: String) -> JSONObject {
        let name = name.lowercased()
        return known.first { name.hasPrefix($0.name) && name.contains("instruct") }?.fields ?? [:]
    }

    private static func read(_ value: ((name: String, range: ClosedRange<Double>, gguf: String, hub: String)) -> Double?) -> JSONObject {
        var found = JSONObject()
        for field in fields {
            // Rounds values that were stored in single precision: 0.6, not 0.60000002.
            guard let number = value(field).map({ ($0 * 1e6).rounded() / 1e6 }), field.range.contains(number) else { continue }
            found[field.name] = field.name == "top_k" ? .int(Int(number)) : .double(number)
        }
        return found
    }
}

extension GGUFValue {
    fileprivate var numberValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .float(let value): Double(value)
        case .double(let value): value
        case .bool, .string, .array: nil
        }
    }
}
