import ShimmyClient
import ShimmyEngine
import ShimmyJSON
import ShimmyTerminal

/// A conversation at a terminal: reads lines, and prints answers and the output of commands.
struct Repl {
    private var session: ChatSession
    private let peer: any ChatPeer
    private var reader: LineReader
    private let history: HistoryFile?
    private let sessions: SessionStore
    private let interrupts: Interrupts
    private var style: AnswerPrinter.Style
    private var isVerbose: Bool
    private let isCapable: Bool
    private var lastTimes: ChatTimes?

    struct Settings {
        var style: AnswerPrinter.Style
        var isVerbose: Bool
        /// Whether the terminal supports cursor movements.
        var isCapable: Bool
        /// The file of typed lines; nil to keep no history.
        var history: HistoryFile?
        var sessions: SessionStore
    }

    init(session: ChatSession, peer: any ChatPeer, settings: Settings, interrupts: Interrupts) {
        self.session = session
        self.peer = peer
        self.interrupts = interrupts
        (style, isVerbose, history, sessions) = (settings.style, settings.isVerbose, settings.history, settings.sessions)
        isCapable = settings.isCapable
        reader = LineReader(
            terminal: Terminal(), prompt: ">>> ", continuation: "... ", isCapable: settings.isCapable,
            history: History(entries: settings.history?.entries ?? []))
    }

    /// Runs until the user ends the conversation.
    mutating func run() async throws {
        defer { Terminal().set(.original) }
        interrupts.beginConversation()
        note("\(session.model). /help lists the commands; ctrl-d ends.")
        while true {
            switch try await nextLine() {
            case .ended: return
            case .interrupted: note("ctrl-d or /bye ends the conversation.")
            case .text(let text):
                remember(text)
                // A message of several lines is not a command, even if its first line looks like one.
                let content = MultilineText(text).content
                let command = content != text || text.contains("\n") ? .message(content) : ChatCommand(text)
                if command == .bye { return }
                try await perform(command)
            }
        }
    }

    private mutating func nextLine() async throws -> LineReader.Line {
        let (line, used) = try await onOwnThread(named: "input") { [reader] in
            var reader = reader
            return (reader.next(), reader)
        }
        reader = used
        return line
    }

    private mutating func remember(_ text: String) {
        reader.history.add(text)
        do {
            try history?.append(text) { entries, entry in
                var all = History(entries: entries)
                all.add(entry)
                return all.entries
            }
        } catch {
            note("The input history cannot be saved: \(error).")
        }
    }

    private mutating func perform(_ command: ChatCommand) async throws {
        switch command {
        case .message(let text): try await ask(text)
        case .copy: copy()
        case .image(let file): await attach(file)
        case .tools(let file): setTools(file)
        case .clear:
            session.clear()
            note("Started a new conversation.")
        case .statistics: note(lastTimes.map(Self.text) ?? "There is no answer yet.")
        case .setVerbose(let value): isVerbose = value
        case .hideThinking(let value): style.hidesThinking = value
        case .save(let name): save(name)
        case .load(let name): load(name)
        case .sessions: show(sessions.names, orElse: "No sessions are saved; /save NAME saves one.")
        case .showInfo, .showTemplate: await showModel(command)
        case .help: Console.print(Self.help)
        case .mistake(let text): note(text)
        case .nothing, .bye: break
        default: change(command)
        }
    }

    // MARK: Asking

    private mutating func ask(_ text: String) async throws {
        session.ask(text)
        // The model can call tools again after it got results.
        while true {
            let outcome = await Asking(peer: peer, style: style, interrupts: interrupts).ask(session)
            // Calls of an answer that did not end can be incomplete.
            let calls = outcome.error == nil && !outcome.wasInterrupted ? outcome.calls : []
            session.answered(outcome.text, calls: calls)
            report(outcome)
            if calls.isEmpty { return }
            guard try await readResults(of: calls) else {
                session.dropCalls()
                return note("The question and the calls are removed from the conversation.")
            }
        }
    }

    /// Shows the calls of an answer and reads their results from the user. Returns false if the user gives none.
    private mutating func readResults(of calls: [ToolCall]) async throws -> Bool {
        for call in calls {
            Console.print(AnswerPrinter.visible("calls \(call.name) \(call.arguments)"))
            note("Type the result of the call; ctrl-c gives up.")
            guard case .text(let text) = try await nextLine() else { return false }
            session.returned(MultilineText(text).content, of: call)
        }
        return true
    }

    private mutating func report(_ outcome: Asking.Outcome) {
        if let error = outcome.error {
            Console.error(error.forPeople)
        } else if outcome.wasInterrupted {
            note(outcome.text.isEmpty ? "Stopped; the question is removed from the conversation." : "Stopped; the answer so far is kept.")
        } else if outcome.reason == "length" {
            note("The answer was cut: it reached max_tokens or the end of the context.")
        }
        guard let times = outcome.times else { return }
        lastTimes = times
        if isVerbose { note(Self.text(times)) }
    }

    static func text(_ times: ChatTimes) -> String {
        func seconds(_ value: Double) -> String { "\((value * 100).rounded() / 100) s" }
        let speed = times.tokensPerSecond.map { ", \(($0 * 10).rounded() / 10) tokens/s" } ?? ""
        return "prompt \(times.usage.promptTokens) tokens (\(times.usage.cachedTokens) cached), first token \(seconds(times.firstToken)), "
            + "answer \(times.usage.completionTokens) tokens in \(seconds(times.total))\(speed)"
    }

    private func copy() {
        guard let answer = session.messages.last(where: { $0.role == .assistant })?.content, !answer.isEmpty else {
            return note("There is no answer yet.")
        }
        guard isCapable else { return note("This terminal has no clipboard for programs.") }
        guard let clipboard = ClipboardText(answer) else {
            return note("The answer is too long for a terminal's clipboard: it has more than \(ClipboardText.longestBytes) bytes.")
        }
        Console.print(clipboard.bytes, terminator: "")
        note("The answer was sent to the terminal's clipboard. Some terminals allow this only by a setting.")
    }

    /// Adds an image to the next message, if the model reads images.
    private mutating func attach(_ file: String) async {
        let model = session.model
        let work = Task { [peer] in try await peer.readsImages(model) }
        interrupts.set { work.cancel() }
        defer { interrupts.set(nil) }
        do {
            guard try await work.value else { return note("\(model) cannot read images.") }
            try session.attach(ImageFile(file: file))
            let count = session.images.count
            note("The next message has \(count == 1 ? "1 image" : "\(count) images").")
        } catch is CancellationError {
            note("Stopped.")
        } catch let error as ClientError {
            Console.error(error.forPeople)
        } catch {
            note("\(error).")
        }
    }

    private mutating func setTools(_ file: String) {
        switch file {
        case "":
            if session.tools.isEmpty { return note("There are no tools; /tools FILE reads them.") }
            Console.print(AnswerPrinter.visible(Console.table(ToolDefinitions.rows(session.tools))))
        case "off":
            session.tools = []
            note("There are no tools.")
        default:
            do {
                session.tools = try ToolDefinitions(file: file).json
                note("The model can call \(session.tools.count == 1 ? "1 tool" : "\(session.tools.count) tools"). You type the results.")
            } catch {
                note("\(error).")
            }
        }
    }

    // MARK: Settings

    private mutating func change(_ command: ChatCommand) {
        do {
            switch command {
            case .setParameter(let name, let value):
                try session.set(name, value)
                note("\(name) is \(session.parameters[name]?.text ?? "").")
            case .unsetParameter(let name):
                try session.unset(name)
                note("\(name) is reset to its default.")
            case .setSystem(let text):
                session.system = text.isEmpty ? nil : text
                note(text.isEmpty ? "There is no system message." : "The system message is set.")
            case .setJSON(let value):
                session.format = value ? ["type": "json_object"] : Optional<JSON>.none
                note(value ? "Answers are JSON objects." : "Answers are unconstrained text.")
            case .showParameters: showParameters()
            case .showSystem: show(session.system.map { [$0] } ?? [], orElse: "There is no system message.")
            case .showMessages: show(session.messages.map(Self.line), orElse: "There are no messages yet.")
            default: break
            }
        } catch {
            note("\(error).")
        }
    }

    private static func line(_ message: ChatSession.Message) -> String {
        let images = message.images.isEmpty ? "" : message.images.count == 1 ? " (1 image)" : " (\(message.images.count) images)"
        return "\(message.role.rawValue): \(message.content)\(images)"
    }

    private func showParameters() {
        let rows = ChatParameter.all.map { [$0.name, session.parameters[$0.name]?.text ?? "-", $0.meaning] }
        Console.print(Console.table(rows))
    }

    private func showModel(_ command: ChatCommand) async {
        let (model, messages, wantsTemplate) = (session.model, session.messages.count, command == .showTemplate)
        let work = Task { [peer] in
            if wantsTemplate { return try await peer.template(model) }
            return Console.table(try await peer.facts(model) + [["messages", "\(messages)"]])
        }
        interrupts.set { work.cancel() }
        defer { interrupts.set(nil) }
        do {
            Console.print(try await work.value)
        } catch is CancellationError {
            note("Stopped.")
        } catch {
            Console.error("\(error)")
        }
    }

    // MARK: Sessions

    private func save(_ name: String) {
        do {
            try sessions.save(session.saved, as: name)
            note("Saved as \(name); /load \(name) loads it.")
        } catch {
            note("\(error).")
        }
    }

    private mutating func load(_ name: String) {
        do {
            let model = try session.restore(try sessions.load(name))
            let other = model == session.model ? "" : " The conversation was with \(model)."
            note("Loaded \(session.messages.count) messages.\(other)")
        } catch {
            note("\(error).")
        }
    }

    // MARK: Output

    private func note(_ text: String) { Console.print(style.hasColours ? Colour.dim + text + Colour.reset : text) }

    private func show(_ lines: [String], orElse nothing: String) {
        if lines.isEmpty { note(nothing) } else { Console.print(lines.joined(separator: "\n")) }
    }

    static let help = """
        Each line is a message. \"\"\" begins a message of several lines, the next \"\"\" ends it; alt-enter inserts a new line.

          /set parameter NAME VALUE   set a sampling parameter; without a value reset it, without a name list all
          /set system TEXT            also /system TEXT; "" for none
          /set format json            answer with JSON objects; /set no-format turns this off
          /set verbose, /set quiet    turn statistics after every answer on or off
          /set hide-thinking          also /set show-thinking
          /show                       show the model; also /show parameters, template, system, messages
          /tools FILE                 let the model call the tools of a JSON file; /tools lists them, /tools off removes them
          /image FILE                 send an image with the next message
          /copy                       copy the last answer to the clipboard
          /stats                      show the speed of the last answer
          /save NAME, /load NAME      save the conversation or load a saved one; /load alone lists them
          /clear                      start a new conversation; system message and parameters stay
          /bye                        quit, like ctrl-d

        ctrl-c stops an answer. Up and down recall earlier input; ctrl-a, ctrl-e, ctrl-w, ctrl-u, ctrl-k and ctrl-y edit.
        ctrl-r searches earlier input: again for older lines, ctrl-g to give up.
        """
}
