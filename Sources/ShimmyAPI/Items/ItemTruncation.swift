import ShimmyChat

/// `truncation: auto`: the oldest items go until the rest fits.
package enum ItemTruncation {
    /// The items without some of the oldest; nil when no more may go. What instructs the model stays, and so do the last item and what it needs.
    /// - excess: tokens too many, of `total`.
    package static func dropping(_ items: [ResponseItem], excess: Int, of total: Int) -> [ResponseItem]? {
        var rest = items
        let bytes = items.reduce(0) { $0 + size($1) }
        // Tokens are about as long in one item as in another.
        var wanted = max(1, bytes * excess / max(1, total))
        var dropped = false
        while wanted > 0, let index = rest.firstIndex(where: mayGo), index < rest.count - 1, let left = without(index, rest) {
            wanted -= rest.reduce(0) { $0 + size($1) } - left.reduce(0) { $0 + size($1) }
            rest = left
            dropped = true
        }
        return dropped ? rest : nil
    }

    private static func mayGo(_ item: ResponseItem) -> Bool {
        switch item.meaning {
        case .message(.system, _), .message(.developer, _), .summary: false
        case .message, .call, .output, .reasoning: true
        }
    }

    /// A call takes what came of it along; nil when that is the last item.
    private static func without(_ index: Int, _ items: [ResponseItem]) -> [ResponseItem]? {
        var rest = items
        let gone = rest.remove(at: index)
        guard case .call(let id, _, _) = gone.meaning else { return rest }
        rest.removeAll { if case .output(id, _) = $0.meaning { true } else { false } }
        return rest.last == items.last ? rest : nil
    }

    private static func size(_ item: ResponseItem) -> Int {
        switch item.meaning {
        case .message(_, let texts), .output(_, let texts): texts.reduce(16) { $0 + $1.utf8.count }
        case .call(_, let name, let arguments): 32 + name.utf8.count + arguments.utf8.count
        case .reasoning(let text), .summary(let text): 16 + text.utf8.count
        }
    }
}
