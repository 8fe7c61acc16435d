import ShimmyClient

/// How an answer looks on the way to a person, or to a program.
struct AnswerPrinter {
    struct Style {
        /// Whether it goes to a terminal, whose control characters a model must not send.
        var isTerminal: Bool
        var hasColours: Bool
        var hidesThinking: Bool
    }

    private enum Part { case nothing, thought, content }

    private let style: Style
    private var last = Part.nothing

    init(style: Style) { self.style = style }

    /// What is printed for a part of an answer.
    mutating func text(for event: ChatEvent) -> String {
        switch event {
        case .thought(let text):
            // Programs want the answer.
            guard style.isTerminal, !style.hidesThinking else { return "" }
            return begin(.thought) + safe(text)
        case .content(let text): return begin(.content) + safe(text)
        case .waiting, .finished, .usage: return ""
        }
    }

    /// What ends it.
    mutating func end() -> String {
        defer { last = .nothing }
        return (last == .thought && style.hasColours ? Colour.reset : "") + "\n"
    }

    private mutating func begin(_ part: Part) -> String {
        defer { last = part }
        switch (last, part) {
        case (.nothing, .thought): return style.hasColours ? Colour.dim : "(thinking)\n"
        case (.thought, .content): return (style.hasColours ? Colour.reset : "\n(answer)") + "\n"
        default: return ""
        }
    }

    /// Escape sequences could retitle the terminal, or worse; line feeds and tabs are text.
    private func safe(_ text: String) -> String {
        guard style.isTerminal else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control }))
    }
}

/// What terminals take for colours.
enum Colour {
    static let dim = "\u{1b}[2m"
    static let reset = "\u{1b}[0m"
}
