import ShimmyChat
import ShimmyJSON

/// The repair of conversations with calls that have no result, or with results that have no call. Clients make them when they drop the oldest
/// messages, when the user interrupts a call, and when they do not send the calls back.
struct LooseCalls {
    /// The messages after the repair: calls without a result are left out, and results without a call get one.
    private(set) var messages: [ChatMessage]
    /// The changes that the repair made.
    private(set) var normalizations: [Normalization] = []

    /// A call, by the index of its message and the bytes of its ID.
    private struct Call: Hashable {
        let message: Int
        let id: [UInt8]
    }

    /// Repairs messages whose calls have IDs. The time is linear in the number of messages, calls and results.
    init(repairing messages: [ChatMessage]) {
        self.messages = messages
        let (answered, orphans) = Self.matched(messages)
        var repaired: [ChatMessage] = []
        repaired.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() {
            if orphans.contains(index) {
                append(result: message, number: index, to: &repaired)
            } else if message.hasCalls {
                let kept = answeredPart(of: message, index, answered)
                if !kept.isEmpty { repaired.append(kept) }
            } else {
                repaired.append(message)
            }
        }
        // A conversation needs a message.
        if repaired.isEmpty { normalizations = [] } else { self.messages = repaired }
    }

    /// Returns the calls with a result and the indices of the results without a call. As in `Array.withOrderedToolResults`, a result belongs to the
    /// last call of its ID before it, in the same run of assistant and tool messages.
    private static func matched(_ messages: [ChatMessage]) -> (answered: Set<Call>, orphans: Set<Int>) {
        var (answered, orphans): (Set<Call>, Set<Int>) = ([], [])
        var callers: [[UInt8]: Int] = [:]
        for (index, message) in messages.enumerated() {
            switch message.role {
            case .tool:
                let id = Array((message.toolCallID ?? "").utf8)
                if let caller = callers[id] { answered.insert(Call(message: caller, id: id)) } else { orphans.insert(index) }
            case .assistant: for id in message.callIDs { callers[id] = index }
            default: callers = [:]
            }
        }
        return (answered, orphans)
    }

    private mutating func answeredPart(of message: ChatMessage, _ index: Int, _ answered: Set<Call>) -> ChatMessage {
        let calls = message.toolCalls?.arrayValue ?? []
        let kept = zip(calls, message.callIDs).filter { answered.contains(Call(message: index, id: $0.1)) }.map(\.0)
        if kept.count == calls.count { return message }
        note(.omittedCalls)
        var message = message
        message.toolCalls = kept.isEmpty ? JSON?.none : .array(kept)
        return message
    }

    /// Appends a result after a call of its tool, which an assistant message directly before it makes if there is one.
    /// - number: a number that makes IDs unique.
    private mutating func append(result: ChatMessage, number: Int, to repaired: inout [ChatMessage]) {
        note(.addedCalls)
        var result = result
        let id = "added_\(number + 1)"
        result.toolCallID = id
        let call: JSON = [
            "id": .string(id), "type": "function", "function": ["name": .string(result.name ?? Self.unknownTool), "arguments": "{}"],
        ]
        if let last = repaired.last, last.role == .assistant, !last.hasCalls {
            repaired[repaired.count - 1].toolCalls = [call]
        } else {
            repaired.append(ChatMessage(role: .assistant, content: nil, toolCalls: [call]))
        }
        repaired.append(result)
    }

    /// The name of the tool of a result that names none.
    private static let unknownTool = "tool"

    private mutating func note(_ normalization: Normalization) {
        if !normalizations.contains(normalization) { normalizations.append(normalization) }
    }
}
