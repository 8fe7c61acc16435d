package import ShimmyJSON

/// An entry of `GET /slots`: a place for a running sequence.
package struct LlamaServerSlot: Sendable {
    /// The number of the sequence that runs in the place, and the numbers of its tokens.
    package struct Running: Sendable {
        let id: UInt64
        let prompt: Int
        let cached: Int
        let computed: Int
        let generated: Int

        /// - prompt: the number of tokens of the prompt; `cached` of them were cached.
        /// - computed: the number of tokens of prompt and answer that are in the cache now.
        /// - generated: the number of tokens of the answer.
        package init(id: UInt64, prompt: Int, cached: Int, computed: Int, generated: Int) {
            self.id = id
            self.prompt = prompt
            self.cached = cached
            self.computed = computed
            self.generated = generated
        }
    }

    private let model: String
    private let contextLength: Int
    private let sequence: Running?

    /// - sequence: the sequence that runs in the place; nil for a free one.
    package init(model: String, contextLength: Int, sequence: Running?) {
        self.model = model
        self.contextLength = contextLength
        self.sequence = sequence
    }

    package static func list(_ slots: [LlamaServerSlot]) -> JSON {
        .array(slots.enumerated().map { index, slot in slot.json(index) })
    }

    package static let noneFree = APIError(status: 503, message: "No slot is available.", type: "unavailable_error", code: "no_slot")

    package var isFree: Bool { sequence == nil }

    private func json(_ index: Int) -> JSON {
        var object: JSONObject = [
            "id": .int(index), "n_ctx": .int(contextLength), "speculative": false, "is_processing": .bool(sequence != nil),
            "model": .string(model),
        ]
        guard let sequence else { return .object(object) }
        object["id_task"] = .int(Int(clamping: sequence.id))
        object["n_prompt_tokens"] = .int(sequence.prompt)
        object["n_prompt_tokens_processed"] = .int(max(0, min(sequence.prompt, sequence.computed) - sequence.cached))
        object["n_prompt_tokens_cache"] = .int(sequence.cached)
        object["next_token"] = [["has_next_token": true, "has_new_line": false, "n_remain": -1, "n_decoded": .int(sequence.generated)]]
        return .object(object)
    }
}
