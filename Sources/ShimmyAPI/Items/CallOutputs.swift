/// Checks that each call precedes its output and has only one. A conversation with an output without a call could not be continued.
package enum CallOutputs {
    private enum Fault { case noCall, second }

    /// The calls of items in order.
    private struct Calls {
        /// Whether the newest call with an ID has an output, by the ID. Clients may reuse the IDs of answered calls.
        private var hasOutput: [String: Bool] = [:]

        /// Adds an item. Returns the fault of an output, which is then not added.
        mutating func add(_ item: ResponseItem) -> Fault? {
            switch item.meaning {
            case .call(let id, _, _): hasOutput[id] = false
            case .made(let id, _, _, _): hasOutput[id] = true
            case .output(let id, _):
                guard let isSecond = hasOutput[id] else { return .noCall }
                if isSecond { return .second }
                hasOutput[id] = true
            default: break
            }
            return nil
        }
    }

    /// Throws a 400 for the first of `items` that is the output of a call that no item before it makes, or that already has an output.
    /// - earlier: the items before the first of `items`.
    /// - field: the name of the request's field with the items.
    package static func check(
        _ items: [ResponseItem], after earlier: [ResponseItem] = [], in field: String = "items"
    ) throws(APIError) {
        var calls = Calls()
        for item in earlier { _ = calls.add(item) }
        for (index, item) in items.enumerated() {
            guard let fault = calls.add(item), case .output(let call, _) = item.meaning else { continue }
            let path = "\(field)[\(index)].call_id"
            switch fault {
            // OpenAI's error about a response names its whole input.
            case .noCall: throw .noCall(call, param: field == "input" ? field : path)
            case .second: throw .secondOutput(call, param: path)
            }
        }
    }

    /// Returns the items without the outputs of calls that no item before them makes. Deleting a call from a conversation leaves such outputs.
    package static func withoutOrphans(_ items: [ResponseItem]) -> [ResponseItem] {
        var calls = Calls()
        return items.filter { calls.add($0) != .noCall }
    }
}

extension APIError {
    static func noCall(_ id: String, param: String) -> APIError {
        APIError(status: 400, message: "No tool call found for function call output with call_id \(id).", param: param)
    }

    fileprivate static func secondOutput(_ id: String, param: String) -> APIError {
        APIError(
            status: 400, message: "Duplicate function call output with call_id \(id): a tool call has one output.", param: param,
            code: "duplicate_item")
    }
}
