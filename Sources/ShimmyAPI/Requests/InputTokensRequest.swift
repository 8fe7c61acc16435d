package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/responses/input_tokens`: the server counts the prompt's tokens and does not answer.
package struct InputTokensRequest: Sendable, Equatable {
    /// The model's name; nil for the server's only model.
    package var model: String?
    package var instructions: String?
    package var input: [InputItem]
    package var previousID: String?
    package var conversationID: String?
    private var conversation: Conversation
    private let mayCall: Bool
    package var ignoredParameters: ReportedNames

    /// - media: the kinds of media that the model reads.
    package init(_ json: JSON, media: MediaKinds = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, media: media, recorder: recorder)
        ignoredParameters = try Compatibility.countInputTokens.check(fields.object)
        model = try fields.string("model")
        let context = try ResponseContextFields(fields)
        instructions = context.instructions
        input = context.input ?? []
        (previousID, conversationID) = (context.previousID, context.conversationID)
        ignoredParameters += context.unseen
        // The field is only checked: the count always includes all items.
        _ = try context.truncates(fields)
        let prompt = try ResponsePromptFields(fields)
        conversation = prompt.conversation
        mayCall = prompt.mayCall
        ignoredParameters += prompt.ignored
        if context.input == nil, previousID == nil, conversationID == nil { throw .missing(fields.path(to: "input")) }
    }

    package func conversation(_ items: [ResponseItem]) throws(APIError) -> Conversation {
        var (conversation, dialect) = (conversation, CallDialect())
        try LoadedTools.add(items, to: &conversation, &dialect, mayCall: mayCall)
        try ItemConversation.write(items, instructions: instructions, to: &conversation)
        return conversation
    }

    package static func response(_ tokens: Int) -> JSON { ["object": "response.input_tokens", "input_tokens": .int(tokens)] }
}
