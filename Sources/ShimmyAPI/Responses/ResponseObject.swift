package import ShimmyChat
package import ShimmyJSON

/// The current state of one response's object.
package struct ResponseObject: Sendable, Equatable {
    package enum Status: String, Sendable {
        case queued
        case inProgress = "in_progress"
        case completed, incomplete, failed, cancelled
    }

    package let id: String
    package let created: Int
    /// The ID of the conversation that the output is added to; nil for none.
    package let conversationID: String?
    package let model: String
    private let echo: JSONObject
    /// Whether the response is stored, so that clients can retrieve it later.
    package var isStored: Bool
    package var status = Status.queued
    package var output: [JSON] = []
    package var usage: Usage?
    package var error: JSON = .null
    /// The Unix time in seconds; nil until the response is completed.
    package var completed: Int?

    /// - created: the Unix time in seconds.
    package init(id: String, created: Int, request: ResponseRequest, isStored: Bool) {
        self.id = id
        self.created = created
        self.isStored = isStored
        model = request.model
        echo = request.echo
        conversationID = request.conversationID
    }

    package static func newID() -> String { ResponseItem.newID(.response) }

    package var json: JSON {
        var object: JSONObject = ["id": .string(id), "object": "response", "created_at": .int(created), "status": .string(status.rawValue)]
        object["completed_at"] = completed.map(JSON.int) ?? .null
        object["error"] = error
        object["incomplete_details"] = status == .incomplete ? ["reason": "max_output_tokens"] : .null
        object["model"] = .string(model)
        object["output"] = .array(output)
        object["conversation"] = conversationID.map { ["id": .string($0)] } ?? .null
        object["store"] = .bool(isStored)
        for (key, value) in echo { object[key] = value }
        object["usage"] = usage?.response ?? .null
        return .object(object)
    }
}

extension Usage {
    /// The usage in the format of the Responses API.
    package var response: JSON {
        [
            "input_tokens": .int(promptTokens),
            "input_tokens_details": ["cached_tokens": .int(cachedPromptTokens), "cache_write_tokens": 0],
            "output_tokens": .int(completionTokens), "output_tokens_details": ["reasoning_tokens": .int(reasoningTokens)],
            "total_tokens": .int(promptTokens + completionTokens),
        ]
    }
}
