/// A view that fills the terminal, on its second screen: the user's text returns at the end.
package struct FullScreen: Sendable {
    package enum Event: Sendable, Equatable {
        case key(Key)
        /// The terminal has another size.
        case resized
        /// The terminal was closed.
        case ended
    }

    private let terminal = Terminal()
    private static let first = "\u{1b}[?1049h\u{1b}[?25l"
    private static let last = "\u{1b}[?25h\u{1b}[?1049l"

    package init() {}

    package var size: (width: Int, height: Int) { terminal.size }

    package func begin() {
        terminal.set(.raw)
        Terminal.isFullScreen = true
        terminal.write(Self.first)
    }

    package func end() {
        terminal.write(Self.last)
        Terminal.isFullScreen = false
        terminal.set(.original)
    }

    /// Stops the process as ctrl-z does, until it is continued.
    package func suspend() {
        end()
        terminal.suspend()
        begin()
    }

    /// Waits for keys or a change of the size. It blocks, so it must run on its own thread.
    package func read(_ decoder: inout KeyDecoder) -> [Event] {
        switch terminal.read() {
        case .bytes(let bytes): decoder.push(bytes).map(Event.key)
        case .resized: [.resized]
        case .ended: [.ended]
        }
    }

    package func draw(_ rows: [String]) { terminal.write(Self.bytes(rows, height: size.height)) }

    /// Returns the bytes that replace the screen's content. Each row is overwritten and not erased before, so that nothing flickers.
    package static func bytes(_ rows: [String], height: Int) -> String {
        "\u{1b}[H" + rows.prefix(max(0, height)).map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J"
    }
}
