import ShimmyJSON

/// Changes that make an ordinary conversation acceptable to a strict template, in the order in which they are tried.
///
/// Many templates expect one system message and then alternating user and assistant messages, and refuse everything else.
package enum Normalization: String, Sendable, CaseIterable {
    /// Merges system messages at the start into one.
    case mergedSystem = "merged-system"
    /// Moves a later system message to the start of the next user turn.
    case movedSystem = "moved-system"
    /// Merges adjacent turns of the same role into one.
    case mergedTurns = "merged-turns"
    /// Adds an empty user turn before a leading assistant turn, or after system messages without any other message.
    case addedUserTurn = "added-user-turn"

    /// The separator of merged texts.
    private static let separator = "\n\n"

    /// Returns the messages after the change; equal messages if it does not apply.
    package func applied(to messages: [ChatMessage]) -> [ChatMessage] {
        switch self {
        case .mergedSystem: Self.mergingSystem(messages)
        case .movedSystem: Self.movingSystem(messages)
        case .mergedTurns: Self.mergingTurns(messages)
        case .addedUserTurn: Self.addingUserTurn(messages)
        }
    }

    private static func mergingSystem(_ messages: [ChatMessage]) -> [ChatMessage] {
        let first = messages.prefix(while: \.isSystem)
        guard first.count > 1 else { return messages }
        var system = first[0]
        system.content = [joined(first.map(\.text))]
        return [system] + messages.dropFirst(first.count)
    }

    private static func movingSystem(_ messages: [ChatMessage]) -> [ChatMessage] {
        var result = Array(messages.prefix(while: \.isSystem))
        var moved: [String] = []
        for message in messages.dropFirst(result.count) {
            if message.isSystem {
                moved.append(message.text)
            } else if message.role == .user, !moved.isEmpty {
                var user = message
                user.content = [joined(moved + [message.text])]
                result.append(user)
                moved = []
            } else {
                result.append(message)
            }
        }
        if !moved.isEmpty { result.append(ChatMessage(.user, joined(moved))) }
        return result
    }

    private static func mergingTurns(_ messages: [ChatMessage]) -> [ChatMessage] {
        var result: [ChatMessage] = []
        for message in messages {
            guard let last = result.last, last.mayTakeUp(message) else {
                result.append(message)
                continue
            }
            result[result.count - 1].content = [joined([last.text, message.text])]
            result[result.count - 1].toolCalls = message.toolCalls
            let reasoning = [last.reasoning, message.reasoning].compactMap { $0 }
            result[result.count - 1].reasoning = reasoning.isEmpty ? nil : joined(reasoning)
        }
        return result
    }

    private static func addingUserTurn(_ messages: [ChatMessage]) -> [ChatMessage] {
        let start = messages.prefix(while: \.isSystem).count
        // A conversation of system messages alone also needs an answer.
        guard start == messages.count || messages[start].role == .assistant else { return messages }
        var result = messages
        result.insert(ChatMessage(.user, ""), at: start)
        return result
    }

    private static func joined(_ texts: [String]) -> String { texts.filter { !$0.isEmpty }.joined(separator: separator) }
}

extension ChatMessage {
    fileprivate var isSystem: Bool { role == .system || role == .developer }
    /// The content as templates receive it. See `json`.
    fileprivate var text: String { content?.joined(separator: "\n") ?? "" }

    /// Returns whether `next` can be appended to this message. Calls always end a turn.
    fileprivate func mayTakeUp(_ next: ChatMessage) -> Bool {
        guard role == next.role, name == next.name else { return false }
        return role == .user || role == .assistant && (toolCalls?.arrayValue ?? []).isEmpty
    }
}
