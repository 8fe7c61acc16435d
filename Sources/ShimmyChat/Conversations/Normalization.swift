import ShimmyJSON

/// Changes to a conversation, or to the form of its calls, that the server reports to the client.
package enum Normalization: String, Sendable {
    /// Matches calls and results without IDs by their order. `withOrderedToolResults` makes this change.
    case matchedResults = "matched-results"
    /// Splits an assistant message with several calls into one message for each call, followed by the results of the call.
    case splitCalls = "split-calls"
    /// Merges system messages at the start into one.
    case mergedSystem = "merged-system"
    /// Moves a later system message to the start of the next user turn.
    case movedSystem = "moved-system"
    /// Merges adjacent turns of the same role into one.
    case mergedTurns = "merged-turns"
    /// Adds an empty user turn before a leading assistant turn, or after system messages without any other message.
    case addedUserTurn = "added-user-turn"
    /// Moves the system messages at the start to the start of the first user turn, for templates that omit them.
    case foldedSystem = "folded-system"
    /// Writes calls in Shimmy's own format, although the template has one. The template makes this change.
    case genericCalls = "generic-calls"
    /// Leaves out the text of a message with calls, because the template writes only the calls. The template makes this change.
    case callsWithoutText = "calls-without-text"
    /// Leaves out calls without a result: those that a token limit cut off, and in Ollama's API all. The decoders of requests make this change.
    case omittedCalls = "omitted-calls"
    /// Leaves out outputs whose calls were deleted from a stored conversation. The service makes this change.
    case omittedOutputs = "omitted-outputs"
    /// Adds calls for the results without one. The decoder of requests of Ollama's API makes this change.
    case addedCalls = "added-calls"
    /// Removes the spaces at the end of the start of an answer. The decoders of requests make this change.
    case trimmedStart = "trimmed-start"
    /// Writes an empty object in place of an empty array where a schema needs an object, and the reverse in `required`. The decoders of requests make
    /// this change.
    case emptyObjects = "empty-objects"
    /// Puts a text in place of images and recordings in tools' outputs. `omitOutputMedia` makes this change.
    case omittedMedia = "omitted-media"
    /// Moves the images in tools' outputs to the user's next message, for upstreams whose API takes only text there. The translators of requests make
    /// this change.
    case movedMedia = "moved-media"

    /// The changes for strict templates, in the order in which they are tried.
    ///
    /// Many templates expect one system message and then alternating user and assistant messages, and refuse everything else.
    package static let forStrictTemplates: [Normalization] = [.mergedSystem, .movedSystem, .mergedTurns, .addedUserTurn, .foldedSystem]

    /// The separator of merged texts.
    private static let separator = "\n\n"

    /// Returns the messages after the change; equal messages if it does not apply.
    /// - continuation: the relation between the last message and the answer. The start of an answer stays the last message; only an earlier text of
    ///   the assistant directly before it is merged with it.
    package func applied(to messages: [ChatMessage], _ continuation: Conversation.Continuation = .no) -> [ChatMessage] {
        let keepsLast = continuation == .reasoning || continuation == .content && self != .mergedTurns
        guard keepsLast, let last = messages.last else { return applied(toAll: messages) }
        return applied(toAll: Array(messages.dropLast())) + [last]
    }

    private func applied(toAll messages: [ChatMessage]) -> [ChatMessage] {
        switch self {
        case .matchedResults, .genericCalls, .callsWithoutText, .omittedCalls, .omittedOutputs, .addedCalls, .trimmedStart, .emptyObjects,
            .omittedMedia, .movedMedia:
            messages
        case .splitCalls: Self.splittingCalls(messages)
        case .foldedSystem: Self.foldingSystem(messages)
        case .mergedSystem: Self.mergingSystem(messages)
        case .movedSystem: Self.movingSystem(messages)
        case .mergedTurns: Self.mergingTurns(messages)
        case .addedUserTurn: Self.addingUserTurn(messages)
        }
    }

    private static func splittingCalls(_ messages: [ChatMessage]) -> [ChatMessage] {
        var result: [ChatMessage] = []
        var rest = messages[...]
        while let message = rest.popFirst() {
            let calls = message.toolCalls?.arrayValue ?? []
            guard calls.count > 1 else {
                result.append(message)
                continue
            }
            let results = rest.prefix { $0.role == .tool }
            rest.removeFirst(results.count)
            result += split(message, calls, results)
        }
        return result
    }

    /// Returns a message for each of the calls, with its results. The first message keeps the text and the reasoning.
    /// - results: the results of all calls, in the order of the calls.
    private static func split(_ message: ChatMessage, _ calls: [JSON], _ results: ArraySlice<ChatMessage>) -> [ChatMessage] {
        var (split, rest): ([ChatMessage], ArraySlice<ChatMessage>) = ([], results)
        for (index, call) in calls.enumerated() {
            var part = index == 0 ? message : ChatMessage(role: .assistant, content: nil, name: message.name)
            part.toolCalls = .array([call])
            let id = call["id"]?.stringValue
            let own = index == calls.count - 1 ? rest : rest.prefix { $0.toolCallID == id }
            rest.removeFirst(own.count)
            split.append(part)
            split += own
        }
        return split
    }

    private static func mergingSystem(_ messages: [ChatMessage]) -> [ChatMessage] {
        let first = messages.prefix(while: \.isSystem)
        guard first.count > 1 else { return messages }
        var system = first[0]
        system.content = [.text(joined(first.map(\.text)))]
        return [system] + messages.dropFirst(first.count)
    }

    private static func foldingSystem(_ messages: [ChatMessage]) -> [ChatMessage] {
        let system = messages.prefix(while: \.isSystem)
        guard !system.isEmpty, let user = messages.firstIndex(where: { $0.role == .user }) else { return messages }
        var result = messages
        result[user].content = [.text(joined(system.map(\.text) + [messages[user].text]))]
        return Array(result.dropFirst(system.count))
    }

    private static func movingSystem(_ messages: [ChatMessage]) -> [ChatMessage] {
        var result = Array(messages.prefix(while: \.isSystem))
        var moved: [String] = []
        for message in messages.dropFirst(result.count) {
            if message.isSystem {
                moved.append(message.text)
            } else if message.role == .user, !moved.isEmpty {
                var user = message
                user.content = [.text(joined(moved + [message.text]))]
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
            result[result.count - 1].content = [.text(joined([last.text, message.text]))]
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
    package var isSystem: Bool { role == .system || role == .developer }
    /// The content as templates receive it. See `json`.
    fileprivate var text: String { texts.joined(separator: "\n") }

    /// Returns whether `next` can be appended to this message. Calls always end a turn.
    fileprivate func mayTakeUp(_ next: ChatMessage) -> Bool {
        guard role == next.role, name == next.name else { return false }
        return role == .user || role == .assistant && (toolCalls?.arrayValue ?? []).isEmpty
    }
}
