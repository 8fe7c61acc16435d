import ShimmyChat
import ShimmyJSON

/// Checks of the calls in the messages of a chat request, and of their results.
enum ChatCalls {
    /// Throws a 400 for a second result of one call. `Array.withOrderedToolResults` finds the other mistakes; clients may reuse the IDs of earlier
    /// calls, and results without an ID belong to the calls in order.
    /// - path: the path of the messages.
    static func checkResults(_ messages: [ChatMessage], _ path: JSONPath) throws(APIError) {
        // The number of calls without a result in the newest message with a call of the ID, by the ID's bytes.
        var open: [[UInt8]: Int] = [:]
        for (index, message) in messages.enumerated() {
            if message.role == .tool {
                guard let id = message.toolCallID, id != ChatMessage.deprecatedCallID, let left = open[Array(id.utf8)] else { continue }
                if left == 0 { throw .secondResult(id, at: path.index(index).key("tool_call_id")) }
                open[Array(id.utf8)] = left - 1
            } else {
                var counts: [[UInt8]: Int] = [:]
                for id in message.callIDs { counts[id, default: 0] += 1 }
                for (id, count) in counts where !id.isEmpty { open[id] = count }
            }
        }
    }

    /// Removes the calls that a token limit cut off, unless they have a result, and then the messages without any content. No client can run such a
    /// call, but clients send it back with the conversation. Returns nil if there is no such call.
    /// - source: the JSON of the messages, with the arguments as the client sent them.
    static func withoutUnansweredCuts(_ messages: [ChatMessage], _ source: [JSON]) -> [ChatMessage]? {
        // The results after the message, up to the next message of another role than the assistant's.
        var results: Set<[UInt8]> = []
        var omitted: [Int: Set<Int>] = [:]
        for (index, message) in messages.enumerated().reversed() {
            switch message.role {
            case .tool: results.insert(Array((message.toolCallID ?? "").utf8))
            case .assistant:
                let ids = message.callIDs
                for place in ids.indices where !isAnswered(ids[place], by: results) {
                    let arguments = source[index]["tool_calls"]?[place]?["function"]?["arguments"]?.stringValue
                    if let arguments, CallArguments.isCutOff(arguments) { omitted[index, default: []].insert(place) }
                }
                // A result belongs to the last call before it with its ID, or, without an ID, to the first one without a result.
                results.subtract(ids)
            default: results = []
            }
        }
        if omitted.isEmpty { return nil }
        return messages.enumerated().compactMap { index, message -> ChatMessage? in
            guard let places = omitted[index] else { return message }
            var message = message
            let calls = (message.toolCalls?.arrayValue ?? []).enumerated().filter { !places.contains($0.offset) }
            message.toolCalls = calls.isEmpty ? JSON?.none : .array(calls.map { $0.element })
            return message.isEmpty ? nil : message
        }
    }

    private static func isAnswered(_ id: [UInt8], by results: Set<[UInt8]>) -> Bool {
        // A result without an ID may be that of any call, and a call without an ID may have any result.
        id.isEmpty ? !results.isEmpty : results.contains(id) || results.contains([])
    }
}

extension ChatMessage {
    /// The bytes of the ID of each call; none for a call without an ID. Equal texts can have different bytes, and IDs are compared exactly.
    var callIDs: [[UInt8]] { (toolCalls?.arrayValue ?? []).map { Array(($0["id"]?.stringValue ?? "").utf8) } }
}

extension APIError {
    fileprivate static func secondResult(_ id: String, at path: JSONPath) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(path)': the call '\(id)' already has a result, and a tool call has one result.", param: "\(path)",
            code: "duplicate_item")
    }
}
