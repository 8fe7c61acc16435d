import ShimmyChat
import ShimmyJSON

/// A message assembled from its parts: the message that a client has at the end of a stream.
package struct AnswerMessage: Sendable, Equatable {
    private struct Call: Sendable, Equatable {
        var id: String
        var name: String
        var isCustom: Bool
        var arguments = ""
    }

    private var content = ""
    private(set) var probabilities: [TokenProbability] = []
    private var reasoning = ""
    private var calls: [Call] = []

    package init() {}

    package mutating func append(_ delta: MessageDelta) {
        switch delta {
        case .content(let more, let probabilities):
            content += more
            self.probabilities += probabilities
        case .reasoning(let more): reasoning += more
        case .call(_, let id, let tool): calls.append(Call(id: id, name: tool.name, isCustom: tool.kind == .custom))
        case .arguments(let index, let more, _): calls[index].arguments += more
        }
    }

    func json(_ dialect: CallDialect) -> JSON {
        var message: JSONObject = ["role": "assistant"]
        message["content"] = content.isEmpty && !calls.isEmpty ? .null : .string(content)
        message["refusal"] = .null
        message["annotations"] = []
        if !reasoning.isEmpty { for name in dialect.reasoningField.names { message[name] = .string(reasoning) } }
        if let call = calls.first, dialect.usesFunctions {
            message["function_call"] = ["name": .string(call.name), "arguments": .string(call.arguments)]
        } else if !calls.isEmpty {
            message["tool_calls"] = .array(calls.map { .object(Self.call($0.id, $0.name, $0.arguments, $0.isCustom)) })
        }
        return .object(message)
    }

    private static func call(_ id: String, _ name: String, _ arguments: String, _ isCustom: Bool) -> JSONObject {
        isCustom
            ? ["id": .string(id), "type": "custom", "custom": ["name": .string(name), "input": .string(arguments)]]
            : ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
    }

    // MARK: Parts

    /// Returns one part as the `delta` of a chunk.
    static func json(_ delta: MessageDelta, _ dialect: CallDialect) -> JSON {
        switch delta {
        case .content(let text, _): return ["content": .string(text)]
        case .reasoning(let text):
            var object: JSONObject = [:]
            for name in dialect.reasoningField.names { object[name] = .string(text) }
            return .object(object)
        case .call(let index, let id, let tool):
            if dialect.usesFunctions { return ["function_call": ["name": .string(tool.name), "arguments": ""]] }
            var object: JSONObject = ["index": .int(index)]
            for (key, value) in call(id, tool.name, "", tool.kind == .custom) { object[key] = value }
            return ["tool_calls": [.object(object)]]
        case .arguments(let index, let text, let isCustom):
            if dialect.usesFunctions { return ["function_call": ["arguments": .string(text)]] }
            let part: JSON = isCustom ? ["input": .string(text)] : ["arguments": .string(text)]
            return ["tool_calls": [.object(["index": .int(index), isCustom ? "custom" : "function": part])]]
        }
    }
}
