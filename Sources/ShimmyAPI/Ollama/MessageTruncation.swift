package import ShimmyChat
import ShimmyJSON

/// The truncation of a conversation that does not fit into the context: it drops the oldest messages.
package enum MessageTruncation {
    /// Returns the messages without some of the oldest; nil if no more can be dropped. The time is linear in the number of messages.
    ///
    /// System messages, the last question and the last message stay. A result goes with its call, and the answers to a question go with it, so that
    /// the conversation still begins with a question.
    /// - excess: the number of tokens over the limit, out of `total`.
    /// - attempt: the number of earlier drops for the same request. Each attempt drops twice as much as the one before, so that the server tokenizes
    ///   a request only a few times, however its tokens are distributed.
    package static func dropping(_ messages: [ChatMessage], excess: Int, of total: Int, attempt: Int = 0) -> [ChatMessage]? {
        let sizes = messages.map(size)
        // This assumes that tokens have about the same length in all messages.
        let share = Double(max(1, excess)) / Double(max(1, total)) * Double(1 << min(attempt, 20))
        var wanted = max(1, Double(sizes.reduce(0, +)) * share)
        let question = messages.lastIndex { $0.role == .user } ?? 0
        var isGone = [Bool](repeating: false, count: messages.count)
        for index in messages.indices.prefix(lastUnit(of: messages)) where mayGo(messages[index]) && index != question {
            let begins = index < question ? messages[index].role == .user : messages[index].role != .tool
            if wanted <= 0, begins { break }
            isGone[index] = true
            wanted -= Double(sizes[index])
        }
        guard isGone.contains(true) else { return nil }
        return messages.indices.filter { !isGone[$0] }.map { messages[$0] }
    }

    /// Returns the index of the last message, or of the message with the calls that the last messages answer.
    private static func lastUnit(of messages: [ChatMessage]) -> Int {
        messages.lastIndex { $0.role != .tool } ?? 0
    }

    private static func mayGo(_ message: ChatMessage) -> Bool { message.role != .system && message.role != .developer }

    private static func size(_ message: ChatMessage) -> Int {
        let content = (message.content ?? []).reduce(16 + (message.reasoning ?? "").utf8.count) { $0 + $1.estimatedBytes }
        return content + (message.toolCalls?.serialized().count ?? 0)
    }
}
