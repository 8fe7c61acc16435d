/// A check that each output of a call follows its call. A conversation with another output could not be continued.
package enum CallOutputs {
    /// Throws a 400 for the first of `items` that is the output of a call that no item before it makes.
    /// - earlier: the items before the first of `items`.
    package static func check(_ items: [ResponseItem], after earlier: [ResponseItem] = []) throws(APIError) {
        var calls = Set(earlier.compactMap(\.madeCall))
        for (index, item) in items.enumerated() {
            if let call = item.madeCall { calls.insert(call) }
            if case .output(let call, _) = item.meaning, !calls.contains(call) { throw .noCall(call, param: "items[\(index)].call_id") }
        }
    }
}

extension ResponseItem {
    /// The ID of the call that the item makes; nil for another item.
    fileprivate var madeCall: String? {
        switch meaning {
        case .call(let id, _, _), .made(let id, _, _, _): id
        default: nil
        }
    }
}

extension APIError {
    static func noCall(_ id: String, param: String) -> APIError {
        APIError(status: 400, message: "No tool call found for function call output with call_id \(id).", param: param)
    }
}
