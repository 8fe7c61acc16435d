import ShimmyJSON

/// A conversation whose calls and results do not belong together; the description is OpenAI's.
package struct ToolResultError: Error, Equatable, CustomStringConvertible {
    package let description: String
}

extension Array<ChatMessage> {
    /// The messages with the results of each answer right behind it, in the order of its calls: templates tell them apart by their places.
    ///
    /// A result without an id belongs to the first call before it that has no result yet; where calls have no ids either, all is taken as it is.
    /// Some clients send none.
    /// - continues: whether the last message is the beginning of the answer, so that its calls have no results yet.
    ///
    /// Throws `ToolResultError` where an id names no call since the last turn of the user, or where a call has no result.
    package func withOrderedToolResults(continues: Bool = false) throws(ToolResultError) -> [ChatMessage] {
        var result: [ChatMessage] = []
        result.reserveCapacity(count)
        var index = 0
        while index < count {
            let group = self[index...].prefix { $0.role == .assistant || $0.role == .tool }
            if group.isEmpty {
                result.append(self[index])
                index += 1
            } else {
                index += group.count
                result += try Self.ordered(Array(group), mayEndWithCalls: continues && index == count)
            }
        }
        return result
    }

    /// The messages with ids for results that came without, as far as there are calls for them.
    private static func withAllIDs(_ group: [ChatMessage]) -> [ChatMessage] {
        guard group.contains(where: { $0.role == .tool && $0.toolCallID == nil }) else { return group }
        var group = group
        var open: [String] = []
        // Results still to come that name their calls, by id.
        var ahead = Dictionary(group.compactMap(\.toolCallID).map { ($0, 1) }, uniquingKeysWith: +)
        for index in group.indices {
            if group[index].role == .assistant {
                open = group[index].callIDs
            } else if let id = group[index].toolCallID {
                ahead[id, default: 0] -= 1
                open.removeAll { $0 == id }
            } else if !open.isEmpty {
                // Another result may name its call later.
                let place = open.firstIndex { ahead[$0, default: 0] == 0 } ?? 0
                group[index].toolCallID = open.remove(at: place)
            }
        }
        return group
    }

    /// - group: answers and results that no other turn parts.
    private static func ordered(_ group: [ChatMessage], mayEndWithCalls: Bool) throws(ToolResultError) -> [ChatMessage] {
        let group = withAllIDs(group)
        let results = group.indices.filter { group[$0].role == .tool }
        let callers = group.indices.filter { group[$0].role == .assistant && group[$0].hasCalls }
        if callers.isEmpty, let first = results.first { throw .orphan(group[first].toolCallID ?? "", isFirst: true) }
        guard results.allSatisfy({ group[$0].toolCallID != nil }), callers.allSatisfy({ !group[$0].callIDs.isEmpty }) else { return group }

        // Ids may be used again: a result belongs to the last answer before it that has a call of its id.
        var caller: [[UInt8]: Int] = [:]
        var found: [Int: [[UInt8]: [ChatMessage]]] = [:]
        for (index, message) in group.enumerated() {
            if message.role == .tool {
                let id = Array<UInt8>((message.toolCallID ?? "").utf8)
                guard let caller = caller[id] else { throw .orphan(message.toolCallID ?? "", isFirst: false) }
                found[caller, default: [:]][id, default: []].append(message)
            } else {
                for id in message.callIDs { caller[Array<UInt8>(id.utf8)] = index }
            }
        }
        var ordered: [ChatMessage] = []
        for (index, message) in group.enumerated() where message.role != .tool {
            ordered.append(message)
            var seen: Set<[UInt8]> = []
            var missing: [String] = []
            for id in message.callIDs where seen.insert(Array<UInt8>(id.utf8)).inserted {
                let results = found[index]?[Array<UInt8>(id.utf8)] ?? []
                if results.isEmpty { missing.append(id) }
                ordered += results
            }
            missing.removeAll { $0 == ChatMessage.deprecatedCallID }
            if !missing.isEmpty, !(mayEndWithCalls && index == group.count - 1) { throw .unanswered(missing) }
        }
        return ordered
    }
}

extension ToolResultError {
    /// - isFirst: whether there is no call at all.
    fileprivate static func orphan(_ id: String, isFirst: Bool) -> ToolResultError {
        ToolResultError(
            description: "messages with role 'tool' must be a response to a preceding message with 'tool_calls', and "
                + (isFirst ? "no call is before the result of '\(id)'" : "there is no call '\(id)' before its result"))
    }

    fileprivate static func unanswered(_ ids: [String]) -> ToolResultError {
        ToolResultError(
            description: "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                + "The following tool_call_ids did not have response messages: \(ids.joined(separator: ", "))")
    }
}

extension ChatMessage {
    /// The id of calls and results in OpenAI's deprecated form (`function_call`), which has none. Such a call may stay without a result.
    package static let deprecatedCallID = "call_0"

    fileprivate var hasCalls: Bool { toolCalls?.arrayValue?.isEmpty == false }

    /// The ids of its calls; empty when one has none.
    fileprivate var callIDs: [String] {
        let calls = toolCalls?.arrayValue ?? []
        let ids = calls.compactMap { $0["id"]?.stringValue }.filter { !$0.isEmpty }
        return ids.count == calls.count ? ids : []
    }
}
