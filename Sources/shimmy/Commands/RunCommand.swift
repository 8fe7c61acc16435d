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
        commandName: "run", abstract: "Talk with a model, or ask it one question.",
        discussion: """
            With a prompt, or with text on standard input, it answers once: 'cat letter.txt | shimmy run MODEL summarise'. Without either it \
            is a conversation; /help in it lists its commands.

            A running server answers when there is one; else the model is loaded into this process. A model that is missing is pulled from \
            the hub, if it is named USER/REPO.
            """)

    @OptionGroup(title: "Server") var client: ClientOptions

    @Flag(help: "Load the model into this process, whether a server runs or not.")
    var local = false

    @Flag(help: "Pull a missing model without asking.")
    var pull = false

    @Option(help: "A system message.")
    var system: String?

    @Option(help: "text or json: any answer, or a JSON object.")
    var format: AnswerForm = .text

    @Option(help: "A file with a JSON Schema that the answer has to fit.", completion: .file(extensions: ["json"]))
    var schema: String?

    @Option(name: [.customLong("set")], help: "NAME=VALUE, such as temperature=0, top_p, max_tokens, seed or stop. Repeatable.")
    var parameters: [String] = []

    @Option(help: "How long the server keeps the model after the answer, such as 90s, 5m or 2h.")
    var keepAlive: String?

    @Flag(help: "Say how fast answers come.")
    var verbose = false

    @Flag(help: "Do not show what a model thinks before it answers.")
    var hideThinking = false

    @Flag(help: "Print the one answer as JSON, with its thoughts and statistics.")
    var json = false

    @Flag(help: "Neither read nor keep what is typed.")
    var noHistory = false

    @Argument(help: "A model, by name or by path.", completion: ModelNames.completion)
    var model: String

    @Argument(help: "The question.")
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
            "model": .string(model), "content": .string(outcome.text), "reasoning": .string(outcome.thought),
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
        AnswerPrinter.Style(isTerminal: isatty(1) == 1, hasColours: Console.hasColours, hidesThinking: hideThinking)
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
