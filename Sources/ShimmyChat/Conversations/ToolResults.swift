import ShimmyJSON

/// An error for calls and results that do not match. The description uses OpenAI's wording.
package struct ToolResultError: Error, Equatable, CustomStringConvertible {
    package let description: String
}

extension Array<ChatMessage> {
    /// Returns the messages with the results of each answer directly after it, in the order of its calls, because templates match them by position.
    ///
    /// A result without an ID belongs to the first earlier call that has no result yet. A call without an ID gets one: that of the first result after
    /// it that names no other call, or else a new one. `lacksCallIDs` tells whether any of this applies.
    /// - continues: whether the last message is the start of the answer, so that its calls have no results yet.
    ///
    /// Throws `ToolResultError` if a result matches no call since the last user turn, or if a call has no result.
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

    /// Whether a call or a result has no ID.
    package var lacksCallIDs: Bool { contains { $0.isResultWithoutID || $0.hasCallsWithoutIDs } }

    /// Returns the messages with IDs for the calls without one.
    private static func withCallIDs(_ messages: [ChatMessage]) -> [ChatMessage] {
        var group = messages
        for index in group.indices where group[index].hasCallsWithoutIDs {
            let calls = group[index].toolCalls?.arrayValue ?? []
            let results = messages[(index + 1)...].prefix { !$0.hasCalls }
            var named = Set(calls.compactMap { $0["id"]?.stringValue } + [""])
            var ids = ArraySlice(results.compactMap(\.toolCallID).filter { named.insert($0).inserted })
            group[index].toolCalls = .array(
                calls.enumerated().map { place, call in
                    guard var object = call.objectValue, object["id"]?.stringValue ?? "" == "" else { return call }
                    object["id"] = .string(ids.popFirst() ?? "unnamed_\(place + 1)")
                    return .object(object)
                })
        }
        return group
    }

    /// Returns the messages with IDs for all calls, and for the results without one as long as there are calls without results.
    private static func withAllIDs(_ messages: [ChatMessage]) -> [ChatMessage] {
        var group = withCallIDs(messages)
        guard group.contains(where: \.isResultWithoutID) else { return group }
        for index in group.indices where group[index].isResultWithoutID { group[index].toolCallID = nil }
        var open: [String] = []
        // The number of later results that name their call, by ID.
        var ahead = Dictionary(group.compactMap(\.toolCallID).map { ($0, 1) }, uniquingKeysWith: +)
        for index in group.indices {
            if group[index].role == .assistant {
                open = group[index].callIDs
            } else if let id = group[index].toolCallID {
                ahead[id, default: 0] -= 1
                open.removeAll { $0 == id }
            } else if !open.isEmpty {
                // Skip calls that a later result names.
                let place = open.firstIndex { ahead[$0, default: 0] == 0 } ?? 0
                group[index].toolCallID = open.remove(at: place)
            }
        }
        return group
    }

    /// Returns the messages of one group with the results after their calls.
    /// - group: adjacent assistant and tool messages.
    private static func ordered(_ group: [ChatMessage], mayEndWithCalls: Bool) throws(ToolResultError) -> [ChatMessage] {
        let group = withAllIDs(group)
        let results = group.indices.filter { group[$0].role == .tool }
        let callers = group.indices.filter { group[$0].role == .assistant && group[$0].hasCalls }
        if callers.isEmpty, let first = results.first { throw .orphan(group[first].toolCallID ?? "", isFirst: true) }
        if results.contains(where: { group[$0].toolCallID == nil }) { throw .orphan("", isFirst: false) }

        // Clients may reuse IDs: a result belongs to the last answer before it that has a call with its ID.
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
    /// Returns the error for a result without a call.
    /// - isFirst: whether the conversation has no call at all before the result.
    fileprivate static func orphan(_ id: String, isFirst: Bool) -> ToolResultError {
        let reason =
            if id.isEmpty {
                "no tool call without a result precedes a result without 'tool_call_id'"
            } else if isFirst {
                "no tool call precedes the result of '\(id)'"
            } else {
                "no call '\(id)' precedes its result"
            }
        return ToolResultError(
            description: "messages with role 'tool' must be a response to a preceding message with 'tool_calls', but \(reason)")
    }

    fileprivate static func unanswered(_ ids: [String]) -> ToolResultError {
        ToolResultError(
            description: "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                + "The following tool_call_ids did not have response messages: \(ids.joined(separator: ", "))")
    }
}

extension ChatMessage {
    /// The ID of calls and results in OpenAI's deprecated form (`function_call`), which has no IDs. Such a call does not need a result.
    package static let deprecatedCallID = "call_0"

    package var hasCalls: Bool { toolCalls?.arrayValue?.isEmpty == false }

    fileprivate var hasCallsWithoutIDs: Bool { toolCalls?.arrayValue?.contains { $0["id"]?.stringValue ?? "" == "" } ?? false }

    fileprivate var isResultWithoutID: Bool { role == .tool && toolCallID ?? "" == "" }

    /// The IDs of the message's calls. `withCallIDs` gives one to every call.
    fileprivate var callIDs: [String] { (toolCalls?.arrayValue ?? []).compactMap { $0["id"]?.stringValue } }
}
