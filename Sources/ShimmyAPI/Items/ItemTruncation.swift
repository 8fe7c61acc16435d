import ShimmyChat

/// The implementation of `truncation: auto`: it drops the oldest items until the rest fits.
package enum ItemTruncation {
    /// Returns the items without some of the oldest; nil if no more can be dropped. System and developer messages and summaries stay, and so do the
    /// last item and the call that it is the output of. The time is linear in the number of items.
    /// - excess: the number of tokens over the limit, out of `total`.
    /// - attempt: the number of earlier drops for the same request. Each attempt drops twice as much as the one before, so that the server tokenizes
    ///   a request only a few times, however its tokens are distributed.
    package static func dropping(_ items: [ResponseItem], excess: Int, of total: Int, attempt: Int = 0) -> [ResponseItem]? {
        let sizes = items.map(size)
        // This assumes that tokens have about the same length in all items.
        let share = Double(max(1, excess)) / Double(max(1, total)) * Double(1 << min(attempt, 20))
        var wanted = max(1, Double(sizes.reduce(0, +)) * share)
        let outputs = outputs(items)
        var isGone = [Bool](repeating: false, count: items.count)
        for index in items.indices.dropLast() where !isGone[index] && mayGo(items[index]) {
            if wanted <= 0 { break }
            var group = [index]
            // Dropping a call also drops its outputs.
            if case .call(let id, _, _) = items[index].meaning { group += outputs[id] ?? [] }
            if group.contains(items.count - 1) { break }
            for member in group where !isGone[member] {
                isGone[member] = true
                wanted -= Double(sizes[member])
            }
        }
        guard isGone.contains(true) else { return nil }
        return items.indices.filter { !isGone[$0] }.map { items[$0] }
    }

    /// Returns the indices of the outputs of each call, by call ID.
    private static func outputs(_ items: [ResponseItem]) -> [String: [Int]] {
        var outputs: [String: [Int]] = [:]
        for (index, item) in items.enumerated() {
            if case .output(let id, _) = item.meaning { outputs[id, default: []].append(index) }
        }
        return outputs
    }

    private static func mayGo(_ item: ResponseItem) -> Bool {
        switch item.meaning {
        case .message(.system, _), .message(.developer, _), .summary: false
        case .message, .call, .output, .reasoning, .made, .tools, .unseen: true
        }
    }

    private static func size(_ item: ResponseItem) -> Int {
        switch item.meaning {
        case .message(_, let parts), .output(_, let parts): parts.reduce(16) { $0 + $1.estimatedBytes }
        case .call(_, let name, let arguments): 32 + name.utf8.count + arguments.utf8.count
        case .reasoning(let text), .summary(let text): 16 + text.utf8.count
        case .made(_, let name, let arguments, let output): 48 + name.utf8.count + arguments.utf8.count + output.utf8.count
        case .tools, .unseen: 0
        }
    }
}
