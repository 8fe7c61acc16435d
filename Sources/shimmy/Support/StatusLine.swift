import ShimmyTerminal
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A line on standard error that shows the operation in progress and is erased at its end. Nothing is written if standard error is not a terminal.
final class StatusLine: Sendable {
    private let isTerminal = isatty(2) == 1
    private let shown = Mutex("")

    /// Replaces the text of the line.
    func show(_ text: String) {
        guard isTerminal else { return }
        // A line that wraps could not be erased with a carriage return.
        let text = Self.fitting(text, cells: Terminal().size.width - 1)
        shown.withLock { shown in
            if text == shown { return }
            // Overwrite with spaces, not with an escape sequence: every terminal supports them.
            let rest = String(repeating: " ", count: max(0, shown.cells - text.cells))
            Console.log("\r\(text)\(rest)\(text.isEmpty ? "\r" : "")", terminator: "")
            shown = text
        }
    }

    func clear() { show("") }

    /// Returns the beginning of `text` that fits the number of terminal cells, without control characters, because it may come from a server.
    private static func fitting(_ text: String, cells: Int) -> String {
        text.filter { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } }.prefix(cells: cells)
    }
}
