import ShimmyTerminal
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is being waited for, in a line on standard error that vanishes when it is over. Pipes get nothing of it.
final class StatusLine: Sendable {
    private let isTerminal = isatty(2) == 1
    private let shown = Mutex("")

    /// In place of what was shown before.
    func show(_ text: String) {
        guard isTerminal else { return }
        // A line that wraps could not be taken back.
        let text = Self.fitting(text, cells: Terminal().size.width - 1)
        shown.withLock { shown in
            if text == shown { return }
            // Spaces rather than an escape sequence: every terminal knows them.
            let rest = String(repeating: " ", count: max(0, shown.cells - text.cells))
            Console.log("\r\(text)\(rest)\(text.isEmpty ? "\r" : "")", terminator: "")
            shown = text
        }
    }

    func clear() { show("") }

    /// The beginning of a text, without control characters: it may be a server's.
    private static func fitting(_ text: String, cells: Int) -> String {
        var (line, used) = ("", 0)
        for character in text where character.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) {
            used += character.cells
            if used > cells { break }
            line.append(character)
        }
        return line
    }
}
