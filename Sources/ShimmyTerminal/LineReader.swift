/// A reader of lines at a terminal. It blocks, so it must run on its own thread.
package struct LineReader: Sendable {
    package enum Line: Sendable, Equatable {
        case text(String)
        /// Ctrl-C.
        case interrupted
        /// Ctrl-D, or the terminal was closed.
        case ended
    }

    private let terminal: Terminal
    private let prompt: String
    private let continuation: String
    /// Whether the terminal supports cursor movements. If not, lines are read without editing.
    private let isCapable: Bool
    private var decoder = KeyDecoder()
    private var waiting: [Key] = []
    package var history: History

    package init(terminal: Terminal, prompt: String, continuation: String, isCapable: Bool, history: History) {
        self.terminal = terminal
        self.prompt = prompt
        self.continuation = continuation
        self.isCapable = isCapable
        self.history = history
    }

    package mutating func next() -> Line {
        guard isCapable else { return nextPlain() }
        terminal.set(.raw)
        terminal.write("\u{1b}[?2004h")
        defer {
            terminal.write("\u{1b}[?2004l")
            terminal.set(.quiet)
        }
        var editor = LineEditor(history: history)
        var screen = Screen(prompt: prompt, continuation: continuation)
        show(editor, on: &screen)
        while let input = nextInput() {
            guard case .key(let key) = input else {
                let (width, height) = terminal.size
                terminal.write(screen.redraw(width: width, height: height))
                continue
            }
            switch editor.handle(key) {
            case .edited:
                // Show the result of several keys that arrived together only once.
                if waiting.isEmpty { show(editor, on: &screen) }
            case .refused: terminal.write("\u{7}")
            case .submitted(let text):
                show(editor, on: &screen)
                leave(&screen)
                return .text(text)
            case .interrupted:
                leave(&screen)
                return .interrupted
            case .ended:
                leave(&screen)
                return .ended
            case .clearScreen:
                terminal.write("\u{1b}[H\u{1b}[2J")
                screen.reset()
                show(editor, on: &screen)
            case .suspend:
                leave(&screen)
                terminal.suspend()
                screen.reset()
                show(editor, on: &screen)
            }
        }
        return .ended
    }

    private enum Input {
        case key(Key)
        /// The terminal has another size.
        case resized
    }

    /// Waits for the next key or a change of the terminal's size; nil at the end of the input.
    private mutating func nextInput() -> Input? {
        while waiting.isEmpty {
            switch terminal.read() {
            case .bytes(let bytes): waiting = decoder.push(bytes)
            case .resized: return .resized
            case .ended: return nil
            }
        }
        return .key(waiting.removeFirst())
    }

    private func show(_ editor: LineEditor, on screen: inout Screen) {
        let (width, height) = terminal.size
        screen.prompt = editor.searchPrompt ?? prompt
        terminal.write(screen.show(editor.characters, cursor: editor.cursor, width: width, height: height))
    }

    private func leave(_ screen: inout Screen) {
        let (width, height) = terminal.size
        terminal.write(screen.leave(width: width, height: height))
    }

    private func nextPlain() -> Line {
        var text = ""
        repeat {
            terminal.write(text.isEmpty ? prompt : continuation)
            guard let line = readLine(strippingNewline: true) else { return .ended }
            text += text.isEmpty ? line : "\n" + line
        } while !MultilineText(text).isComplete
        return .text(text)
    }
}
