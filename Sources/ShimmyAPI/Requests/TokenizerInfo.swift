package import ShimmyChat
package import ShimmyJSON

/// The encoder of `GET /tokenizer_info`, as in vLLM, for programs that build prompts and count their tokens themselves.
package enum TokenizerInfo {
    package static func response(_ facts: TokenizerFacts, model: String, contextLength: Int?) -> JSON {
        func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
        return [
            "model": .string(model), "bos_token": text(facts.beginning), "eos_token": text(facts.end), "pad_token": .null,
            "chat_template": .string(facts.template), "model_max_length": contextLength.map(JSON.int) ?? .null,
        ]
    }
}
