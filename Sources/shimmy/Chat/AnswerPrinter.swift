import ShimmyClient
import ShimmyTerminal

/// Formats a streamed answer for a terminal or for a program.
struct AnswerPrinter {
    struct Style {
        /// Whether the output is a terminal. The model's control characters are removed for one.
        var isTerminal: Bool
        /// Whether lines are broken between words. The terminal must support escape sequences.
        var wrapsWords: Bool
        var hasColours: Bool
        var hidesThinking: Bool
    }

    private enum Part { case nothing, reasoning, content }

    private let style: Style
    private var last = Part.nothing
    private var wrap = WordWrap()

    init(style: Style) { self.style = style }

    /// Returns the text to print for an event of the answer.
    mutating func text(for event: ChatEvent) -> String {
        switch event {
        case .reasoning(let text):
            // A program that reads the output expects the answer alone.
            guard style.isTerminal, !style.hidesThinking else { return "" }
            return begin(.reasoning) + safe(text)
        case .content(let text): return begin(.content) + safe(text)
        case .call, .waiting, .finished, .usage: return ""
        }
    }

    /// Returns the text to print after the answer.
    mutating func end() -> String {
        defer { (last, wrap) = (.nothing, WordWrap()) }
        return (last == .reasoning && style.hasColours ? Colour.reset : "") + "\n"
    }

    private mutating func begin(_ part: Part) -> String {
        defer { last = part }
        // A new part begins on a new line.
        if last != part { wrap = WordWrap() }
        switch (last, part) {
        case (.nothing, .reasoning): return style.hasColours ? Colour.dim : "(thinking)\n"
        case (.reasoning, .content): return (style.hasColours ? Colour.reset : "\n(answer)") + "\n"
        default: return ""
        }
    }

    /// Returns the text without control characters other than line feeds and tabs.
    static func visible(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control }))
    }

    /// Returns the text without control characters if the output is a terminal, because escape sequences can change
    /// the terminal's title or worse.
    private mutating func safe(_ text: String) -> String {
        guard style.isTerminal else { return text }
        let shown = Self.visible(text)
        return style.wrapsWords ? wrap.text(shown, width: Terminal().size.width) : shown
    }
}

/// The escape sequences for text styles.
enum Colour {
    static let dim = "\u{1b}[2m"
    static let reset = "\u{1b}[0m"
}
