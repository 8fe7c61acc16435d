package import ShimmyChat
import ShimmyJSON

/// A converter of items to the messages of chat templates. Reasoning, the text after it and its calls become one assistant message.
package enum ItemConversation {
    /// Returns the messages of the items, without calls that were cut off and have no output: no client can answer such a call, and a call without an
    /// output is an error. Throws a 400 for the output of a call that does not exist.
    /// - instructions: the system message to put first; nil or empty for none.
    package static func messages(instructions: String? = nil, _ items: [ResponseItem]) throws(APIError) -> [ChatMessage] {
        try messages(instructions, items, omitting: unansweredCuts(items))
    }

    /// Gives a conversation the messages of the items, and notes whether calls are left out.
    static func write(_ items: [ResponseItem], instructions: String?, to conversation: inout Conversation) throws(APIError) {
        let omitted = unansweredCuts(items)
        conversation.messages = try messages(instructions, items, omitting: omitted)
        try MediaDecoder.checkCount(conversation.messages, "input")
        if !omitted.isEmpty { conversation.normalizations.append(.omittedCalls) }
    }

    private static func messages(
        _ instructions: String?, _ items: [ResponseItem], omitting omitted: Set<Int>
    ) throws(APIError) -> [ChatMessage] {
        var builder = Builder()
        if let instructions, !instructions.isEmpty { builder.messages.append(ChatMessage(.system, instructions)) }
        for (index, item) in items.enumerated() where !omitted.contains(index) { try builder.add(item.meaning) }
        return mergingLeadingSystemMessages(builder.finish())
    }

    /// Returns the indices of the calls that a token limit cut off and that have no output.
    private static func unansweredCuts(_ items: [ResponseItem]) -> Set<Int> {
        var unanswered: Set<Int> = []
        var outputs: Set<String> = []
        for (index, item) in items.enumerated().reversed() {
            switch item.meaning {
            case .output(let id, _): outputs.insert(id)
            case .call(let id, _, _):
                // An output belongs to the last call before it with its ID.
                let isAnswered = outputs.remove(id) != nil
                if !isAnswered, item.json["status"] == "incomplete" { unanswered.insert(index) }
            default: continue
            }
        }
        return unanswered
    }

    /// Merges the system messages at the start, because many templates accept only one, and only at the start.
    private static func mergingLeadingSystemMessages(_ messages: [ChatMessage]) -> [ChatMessage] {
        let leading = messages.prefix { $0.role == .system || $0.role == .developer }
        guard leading.count > 1 else { return messages }
        return [ChatMessage(role: .system, content: leading.flatMap { $0.content ?? [] })] + messages.dropFirst(leading.count)
    }

    private struct Builder {
        var messages: [ChatMessage] = []
        /// The assistant message that is being assembled; nil between such messages.
        private var turn: Turn?
        /// The index in `messages` of each call's message, by call ID. The message may not have been appended yet.
        private var callers: [String: Int] = [:]
        /// The outputs of calls, by the index of the message with the calls. They follow that message directly, even if other items came in between.
        private var results: [Int: [ChatMessage]] = [:]

        private struct Turn {
            var reasoning: [String] = []
            var content: [ContentPart]?
            var calls: [JSON] = []
        }

        mutating func add(_ meaning: ResponseItem.Meaning) throws(APIError) {
            switch meaning {
            case .reasoning(let text):
                if turn?.content != nil || turn?.calls.isEmpty == false { close() }
                if !text.isEmpty { turn = turn ?? Turn() }
                if !text.isEmpty { turn?.reasoning.append(text) }
            case .message(.assistant, let parts):
                if turn?.content != nil || turn?.calls.isEmpty == false { close() }
                turn = turn ?? Turn()
                turn?.content = parts
            case .call(let id, let name, let arguments):
                turn = turn ?? Turn()
                turn?.calls.append(
                    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]])
                callers[id] = messages.count
            case .made(let id, let name, let arguments, let output):
                try add(.call(id: id, name: name, arguments: arguments))
                try add(.output(callID: id, [.text(output)]))
            case .tools, .unseen: break
            case .output(let callID, let parts):
                guard let caller = callers[callID] else { throw .noCall(callID, param: "input") }
                if caller == messages.count { close() }
                results[caller, default: []].append(ChatMessage(role: .tool, content: parts, toolCallID: callID))
            case .message(let role, let parts):
                close()
                messages.append(ChatMessage(role: role, content: parts))
            case .summary(let text):
                close()
                messages.append(ChatMessage(.system, "What was said before, in short:\n\(text)"))
            }
        }

        private mutating func close() {
            guard let turn else { return }
            messages.append(
                ChatMessage(
                    role: .assistant, content: turn.content, toolCalls: turn.calls.isEmpty ? nil : .array(turn.calls),
                    reasoning: turn.reasoning.isEmpty ? nil : turn.reasoning.joined(separator: "\n")))
            self.turn = nil
        }

        mutating func finish() -> [ChatMessage] {
            close()
            return messages.indices.flatMap { [messages[$0]] + (results[$0] ?? []) }
        }
    }
}
