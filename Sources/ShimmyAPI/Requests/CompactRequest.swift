package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/responses/compact`, which replaces the conversation so far with one item that contains a summary.
package struct CompactRequest: Sendable, Equatable {
    package var model: String
    package var instructions: String?
    package var input: [InputItem]
    package var previousID: String?
    package var isFlex: Bool
    package var ignoredParameters: ReportedNames

    /// - media: the kinds of media that the model reads.
    package init(_ json: JSON, media: MediaKinds = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, media: media, recorder: recorder)
        ignoredParameters = try Compatibility.compact.check(fields.object)
        model = try fields.requiredString("model")
        instructions = try fields.string("instructions")
        let given = try ResponseItemDecoder.input(fields)
        if let given, given.isEmpty { throw .emptyArray(fields.path(to: "input")) }
        input = given ?? []
        previousID = try fields.string("previous_response_id")
        let tier = try ServiceTier.decode(fields)
        isFlex = tier == .flex
        if tier?.isReported == true { ignoredParameters.append("service_tier") }
        if given == nil, previousID == nil { throw .missing(fields.path(to: "input")) }
    }

    /// The max number of tokens of a summary.
    private static let summaryTokens = 512

    private static let task = """
        Summarize our conversation so far for somebody who has to continue it without having read it: what was asked, what was found and decided, \
        what is still to be done, and every name, number and identifier that matters. Answer with the summary alone.
        """

    /// Returns the request for a summary.
    /// - contextLength: the model's context in tokens; a summary takes a part of it.
    package func chat(_ items: [ResponseItem], contextLength: Int) throws(APIError) -> ChatRequest {
        var messages = try ItemConversation.messages(instructions: instructions, items)
        messages.append(ChatMessage(.user, Self.task))
        var conversation = Conversation(messages: messages)
        conversation.thinks = false
        return ChatRequest(
            conversation: conversation, maximumTokens: min(Self.summaryTokens, max(1, contextLength / 4)),
            sampling: .init(temperature: 0), thinkingBudget: 0)
    }

    /// - created: the Unix time in seconds.
    package static func response(summary: String, usage: Usage, created: Int) -> JSON {
        let item: JSON = [
            "id": .string(ResponseItem.newID(.compaction)), "type": "compaction", "encrypted_content": .string(SealedText.seal(summary)),
        ]
        return [
            "id": .string(ResponseObject.newID()), "object": "response.compaction", "created_at": .int(created), "output": [item],
            "usage": usage.response,
        ]
    }
}
