extension Grammar.Expression {
    /// The expression in llama.cpp's notation (GBNF).
    var text: String { text(isInner: false) }

    private func text(isInner: Bool) -> String {
        switch self {
        case .literal(let bytes): return GrammarWriter(context: .plain).literal(String(decoding: bytes, as: UTF8.self))
        case .set(let set): return GrammarWriter(context: .plain).set(set)
        case .rule(let name): return name
        case .control(let name): return name
        case .automaton(let counted): return counted.text
        case .unordered(let members): return members.text
        case .sequence(let parts):
            if parts.isEmpty { return "\"\"" }
            let text = parts.map { $0.text(isInner: true) }.joined(separator: " ")
            return isInner && parts.count > 1 ? "(" + text + ")" : text
        case .choice(let parts):
            if parts.isEmpty { return "[]" }
            let text = parts.map { $0.text(isInner: true) }.joined(separator: " | ")
            return isInner && parts.count > 1 ? "(" + text + ")" : text
        case .repeated(let body, let least, let most):
            let count =
                switch (least, most) {
                case (0, nil): "*"
                case (1, nil): "+"
                case (0, 1): "?"
                default: "{\(least),\(most.map { "\($0)" } ?? "")}"
                }
            return "(" + body.text(isInner: false) + ")" + count
        }
    }

    /// Returns an expression that matches exactly `text`.
    static func literal(_ text: String) -> Self { .literal(Array(text.utf8)) }

    static func optional(_ body: Self) -> Self { .repeated(body, least: 0, most: 1) }
}
