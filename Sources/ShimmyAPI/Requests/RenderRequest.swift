package import ShimmyChat
package import ShimmyJSON

/// The decoded request of `POST /v1/chat/completions/render`, Shimmy's own endpoint: the server returns the prompt instead of an answer.
package struct RenderRequest: Sendable, Equatable {
    package var model: String
    package var conversation: Conversation

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.requiredString("model")
        conversation = try ConversationDecoder(fields).conversation
    }

    package static func response(_ prompt: PreparedPrompt, model: String) -> JSON {
        [
            "object": "chat.completion.prompt", "model": .string(model), "prompt": .string(prompt.text),
            "prompt_tokens": .int(prompt.tokens.count), "tokens": .array(prompt.tokens.map { .int(Int($0)) }),
        ]
    }
}
