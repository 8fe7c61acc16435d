import ShimmyClient

/// Formats a streamed answer for a terminal or for a program.
struct AnswerPrinter {
    struct Style {
        /// Whether the output is a terminal. The model's control characters are removed for one.
        var isTerminal: Bool
        var hasColours: Bool
        var hidesThinking: Bool
    }

    private enum Part { case nothing, thought, content }

    private let style: Style
    private var last = Part.nothing

    init(style: Style) { self.style = style }

    /// Returns the text to print for an event of the answer.
    mutating func text(for event: ChatEvent) -> String {
        switch event {
        case .thought(let text):
            // A program that reads the output expects the answer alone.
            guard style.isTerminal, !style.hidesThinking else { return "" }
            return begin(.thought) + safe(text)
        case .content(let text): return begin(.content) + safe(text)
        case .waiting, .finished, .usage: return ""
        }
    }

    /// Returns the text to print after the answer.
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

    /// Returns the text without control characters other than line feeds and tabs if the output is a terminal, because escape sequences can change
    /// the terminal's title or worse.
    private func safe(_ text: String) -> String {
        guard style.isTerminal else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control }))
    }
}

/// The escape sequences for text styles.
enum Colour {
    static let dim = "\u{1b}[2m"
    static let reset = "\u{1b}[0m"
}
