import ArgumentParser
import Foundation
import ShimmyClient
import ShimmyCore
import ShimmyHub
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import ShimmyTerminal

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Chat with a model, or ask it one question.",
        discussion: """
            With a prompt or text on standard input, prints one answer: 'cat letter.txt | shimmy run MODEL summarise'. Otherwise starts a \
            conversation; /help lists its commands.

            If a server is running, it answers; otherwise, this process loads the model. A missing model is pulled from the hub if its name has \
            the form USER/REPO.
            """)

    @OptionGroup(title: "Server") var client: ClientOptions

    @Flag(help: "Load the model into this process, even if a server is running.")
    var local = false

    @Flag(help: "Pull a missing model without asking.")
    var pull = false

    @Option(help: "System message.")
    var system: String?

    @Option(help: "Format of answers: text, or json for a JSON object.")
    var format: AnswerForm = .text

    @Option(help: "File with a JSON Schema for the answers.", completion: .file(extensions: ["json"]))
    var schema: String?

    @Option(name: [.customLong("set")], help: "Request parameter as NAME=VALUE, such as temperature=0, top_p, max_tokens, seed or stop. Repeatable.")
    var parameters: [String] = []

    @Option(help: "How long the idle model stays loaded, such as 90s, 5m or 2h. Default: the server's setting.")
    var keepAlive: String?

    @Flag(help: "Print the speed of answers.")
    var verbose = false

    @Flag(help: "Do not show the model's reasoning.")
    var hideThinking = false

    @Flag(help: "Print one answer as JSON, with its reasoning and statistics.")
    var json = false

    @Flag(help: "Do not read or save the input history.")
    var noHistory = false

    @Argument(help: "Model name or path.", completion: ModelNames.completion)
    var model: String

    @Argument(help: "Question. Default: standard input, or a conversation on a terminal.")
    var prompt: [String] = []

    @OptionGroup(title: "Models in this process") var options: ModelOptions

    enum AnswerForm: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    func validate() throws {
        _ = try parameterList()
        if let keepAlive { _ = try KeepAlive.parse(keepAlive) }
    }

    func run() async throws {
        let question = try Question(prompt: prompt.joined(separator: " ")).text
        if question == nil, json { throw ValidationError("--json prints one answer: it needs a question.") }
        var session = ChatSession(model: model)
        session.system = system
        session.keepAlive = keepAlive
        session.format = try responseFormat()
        for (name, value) in try parameterList() { try session.set(name, value) }
        let peers = PeerChoice(client: client, options: options, isLocal: local, pull: PullConsent(isGiven: pull))
        try await peers.withPeer(for: session.model) { peer, name in
            session.model = name
            if let question { try await answer(question, session, peer) } else { try await talk(session, peer) }
        }
    }

    // MARK: One answer

    private func answer(_ question: String, _ session: ChatSession, _ peer: any ChatPeer) async throws {
        var session = session
        session.ask(question)
        let outcome = await Asking(peer: peer, style: style, interrupts: nil).ask(session, prints: !json)
        if let error = outcome.error { throw error }
        if json {
            Console.print(Self.json(outcome, model: session.model).pretty())
        } else if verbose, let times = outcome.times {
            Console.log(Repl.text(times))
        }
    }

    private static func json(_ outcome: Asking.Outcome, model: String) -> JSON {
        [
            "model": .string(model), "content": .string(outcome.text), "reasoning": .string(outcome.reasoning),
            "finish_reason": outcome.reason.map(JSON.string) ?? .null, "statistics": outcome.times?.json ?? .null,
        ]
    }

    // MARK: A conversation

    private func talk(_ session: ChatSession, _ peer: any ChatPeer) async throws {
        let interrupts = Interrupts()
        let status = StatusLine()
        do {
            defer { status.clear() }
            try await peer.load(session.model, status.show)
        }
        let environment = Environment.process
        let directories = environment.directories
        var repl = Repl(
            session: session, peer: peer,
            settings: Repl.Settings(
                style: style, isVerbose: verbose, isCapable: Terminal.isCapable(term: environment.string("TERM")),
                history: noHistory ? nil : HistoryFile(path: directories.state + "/history.jsonl"),
                sessions: SessionStore(directory: directories.data + "/sessions")), interrupts: interrupts)
        try await repl.run()
    }

    private var style: AnswerPrinter.Style {
        AnswerPrinter.Style(
            isTerminal: isatty(1) == 1, wrapsWords: Console.isCapable, hasColours: Console.hasColours, hidesThinking: hideThinking)
    }

    // MARK: Request parameters

    private func parameterList() throws -> [(String, String)] {
        try parameters.map { text in
            guard let equals = text.firstIndex(of: "=") else { throw ValidationError("--set takes NAME=VALUE, not '\(text)'.") }
            let (name, value) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
            do {
                _ = try ChatParameter.named(name).value(value)
            } catch {
                throw ValidationError("\(error).")
            }
            return (name, value)
        }
    }

    private func responseFormat() throws -> JSON? {
        guard let schema else { return format == .json ? ["type": "json_object"] : Optional<JSON>.none }
        guard let data = FileManager.default.contents(atPath: schema) else { throw ValidationError("\(schema) cannot be read.") }
        guard let parsed = try? JSON.parse(Array(data)), parsed.objectValue != nil else { throw ValidationError("\(schema) is not a JSON Schema.") }
        return ["type": "json_schema", "json_schema": ["name": "answer", "schema": parsed]]
    }
}

/// A single question: from the command line, from a pipe, or from both.
struct Question {
    /// The text of the question; nil for a conversation at a terminal.
    let text: String?

    /// Reads the question. Throws `ValidationError` if there is none and no terminal for a conversation.
    init(prompt: String) throws {
        let piped = isatty(0) == 1 ? "" : Self.standardInput()
        let parts = [prompt, piped].filter { !$0.allSatisfy(\.isWhitespace) }
        if parts.isEmpty, !Terminal.isInteractive {
            throw ValidationError("There is no question: give one as an argument or on standard input.")
        }
        text = parts.isEmpty ? nil : parts.joined(separator: "\n\n")
    }

    private static func standardInput() -> String {
        let data = (try? FileHandle.standardInput.readToEnd()) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }
}
