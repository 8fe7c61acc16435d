package import ShimmyChat
package import ShimmyJSON

/// A model as `GET /props` describes it.
package struct LlamaServerProperties: Sendable {
    /// The model's name.
    package var model: String
    /// The name of the model's file, without its directory.
    package var file: String
    /// The max number of tokens of prompt and answer together; nil if it is unknown before the model is loaded.
    package var contextLength: Int?
    /// The number of sequences that run at once; nil if it is unknown before the model is loaded.
    package var slots: Int?
    /// The tokenizer and the chat template; nil if they cannot be read before the model is loaded.
    package var tokenizer: TokenizerFacts?

    package init(model: String, file: String, contextLength: Int?, slots: Int?, tokenizer: TokenizerFacts?) {
        self.model = model
        self.file = file
        self.contextLength = contextLength
        self.slots = slots
        self.tokenizer = tokenizer
    }

    /// - preset: the preset for the model's requests.
    /// - version: the version of this program.
    package func json(preset: RequestPreset, version: String) -> JSON {
        [
            "default_generation_settings": ["params": Self.parameters(model, preset), "n_ctx": .int(contextLength ?? 0)],
            "total_slots": .int(slots ?? 1), "model_alias": .string(model), "model_path": .string(file),
            "modalities": ["vision": false, "audio": false], "endpoint_slots": true, "endpoint_props": false, "endpoint_metrics": false,
            "chat_template": .string(tokenizer?.template ?? ""), "bos_token": .string(tokenizer?.beginning ?? ""),
            "eos_token": .string(tokenizer?.end ?? ""), "build_info": .string(Self.build(version)), "is_sleeping": .bool(slots == nil),
        ]
    }

    /// Returns the answer for a request that names no model while the server has several.
    package static func withoutModel(version: String) -> JSON {
        [
            "role": "router", "default_generation_settings": ["params": [:], "n_ctx": 0], "model_alias": "", "model_path": "none",
            "build_info": .string(build(version)),
        ]
    }

    private static func build(_ version: String) -> String { "shimmy \(version)" }

    /// Returns the settings of a completion that sets none.
    private static func parameters(_ model: String, _ preset: RequestPreset) -> JSON {
        let request = try? LlamaServerRequest(completion: ["model": .string(model), "prompt": ""], preset: preset)
        return .object(request?.settings ?? [:])
    }
}
