import ArgumentParser
import ShimmyClient
import ShimmyEngine
import ShimmyJSON
import ShimmyTerminal

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch a running server's engines: sequences, steps, cache and memory.",
        discussion: "Shows the state once a second, until q or ctrl-c. The server needs an admin's key.")

    @OptionGroup var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print the state once, after one second for the speeds, and end. Default if standard output is not a terminal.")
    var once = false

    @Flag(help: "Print each event of the server as a line of JSON; with --once only one.")
    var json = false

    private static let path = "/admin/events"

    func run() async throws {
        let isWatched = !once && !json && Console.isCapable && Terminal.isInteractive
        try await client.withServer { server in
            if isWatched {
                try await TopView(server: server).run()
            } else {
                try await report(server)
            }
        }
    }

    private func report(_ server: ServerClient) async throws {
        var screen = EngineScreen()
        var count = 0
        do {
            try await server.stream(Self.path, nil) { event in
                count += 1
                if json {
                    Console.print(String(decoding: event.serialized(), as: UTF8.self))
                    if once { throw CancellationError() }
                } else {
                    screen.update(EngineSnapshot(event, server: "\(server.address)"))
                    // Speeds need two states.
                    if count == 2 { throw CancellationError() }
                }
            }
        } catch is CancellationError {}
        if !json { Console.print(screen.rows(width: Console.width ?? 160).joined(separator: "\n")) }
    }

    /// Passes the server's events to `receive` until the server ends the stream.
    fileprivate static func follow(_ server: ServerClient, _ receive: (JSON) -> Void) async throws {
        try await server.stream(path, nil) { receive($0) }
    }
}

/// The full-screen view of `shimmy top`.
private struct TopView {
    let server: ServerClient

    private enum Event: Sendable {
        case snapshot(EngineSnapshot)
        case screen(FullScreen.Event)
        /// The stream of the server ended, with an error unless the server closed it.
        case ended((any Error)?)
    }

    func run() async throws {
        let terminal = FullScreen()
        let (events, sink) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingNewest(64))
        let stream = Task { [server] in
            do {
                try await TopCommand.follow(server) { sink.yield(.snapshot(EngineSnapshot($0, server: "\(server.address)"))) }
                sink.yield(.ended(nil))
            } catch {
                sink.yield(.ended(error))
            }
        }
        defer { stream.cancel() }
        terminal.begin()
        defer { terminal.end() }
        // The thread waits for a key when the program ends.
        Task {
            try await onOwnThread(named: "keys") {
                var decoder = KeyDecoder()
                var isOpen = true
                while isOpen {
                    for event in terminal.read(&decoder) {
                        if event == .ended { isOpen = false }
                        sink.yield(.screen(event))
                    }
                }
            }
        }
        try await show(events, on: terminal)
    }

    private func show(_ events: AsyncStream<Event>, on terminal: FullScreen) async throws {
        var screen = EngineScreen()
        func draw() {
            let (width, height) = terminal.size
            terminal.draw(screen.rows(width: width, height: height))
        }
        draw()
        for await event in events {
            switch event {
            case .snapshot(let snapshot): screen.update(snapshot)
            case .screen(.resized): break
            case .screen(.key(.suspend)): terminal.suspend()
            case .screen(.key(.interrupt)), .screen(.key(.endOfFile)), .screen(.key(.text("q"))), .screen(.ended): return
            case .screen(.key): continue
            case .ended(let error):
                if let error { throw error }
                throw ClientError.unreachable("\(server.address)", reason: "the server closed the connection")
            }
            draw()
        }
    }
}

extension EngineSnapshot {
    /// Reads an event of `GET /admin/events`. Values that are missing or have another form are left out.
    init(_ event: JSON, server: String) {
        self.init(time: event["time"]?.doubleValue ?? 0)
        let engine = event["engine"]
        self.server = server
        if let used = engine?["memory"]?["used"]?.intValue, let budget = engine?["memory"]?["budget"]?.intValue {
            memory = "\(Console.size(max(0, used))) of \(Console.size(max(0, budget)))"
        }
        waiting = Self.count(engine?["waiting"])
        var names: [String: String] = [:]
        for owner in engine?["server"]?["owners"]?.arrayValue ?? [] {
            if let id = owner["id"]?.stringValue, let name = owner["name"]?.stringValue { names[id] = name }
        }
        models = (engine?["data"]?.arrayValue ?? []).prefix(Self.most).compactMap { Model($0, names: names) }
        upstreams = (event["upstreams"]?.arrayValue ?? []).prefix(Self.most).compactMap { upstream in
            guard let name = upstream["name"]?.stringValue else { return nil }
            return Upstream(name: name, isHealthy: upstream["healthy"]?.boolValue, running: Self.count(upstream["running"]))
        }
        firstTokens = (event["requests"]?.arrayValue ?? []).compactMap { $0["first_ms"]?.doubleValue.map { $0 / 1000 } }
    }

    /// The max number of models, upstreams and sequences of a model.
    fileprivate static let most = 1000

    /// Returns a count that sums cannot make overflow.
    fileprivate static func count(_ value: JSON?) -> Int { min(max(0, value?.intValue ?? 0), 1 << 40) }
}

extension EngineSnapshot.Model {
    fileprivate init?(_ json: JSON, names: [String: String]) {
        func count(_ path: String...) -> Int { EngineSnapshot.count(path.reduce(json as JSON?) { $0?[$1] }) }
        guard let name = json["model"]?.stringValue else { return nil }
        self.init(name: name)
        state = json["state"]?.stringValue ?? "loaded"
        progress = json["progress"]?.doubleValue
        let bytes = ["weights", "kv", "compute", "grammars"].reduce(0) { $0 + count("memory", $1) }
        memory = bytes > 0 ? Console.size(bytes) : ""
        (running, waiting) = (count("running"), count("waiting"))
        runningLimit = json["running_limit"]?.intValue
        cellsUsed = count("cells", "used")
        cellsTotal = json["cells"]?["total"]?.intValue.map { min(max(0, $0), 1 << 40) }
        cellsShared = count("shared_cells")
        generated = count("generated_tokens")
        gap = json["stream_gap"]?.doubleValue
        steps = (json["recent_steps"]?.arrayValue ?? []).prefix(EngineSnapshot.most).map { step in
            EngineSnapshot.Step(
                prefillRows: EngineSnapshot.count(step["prefill_rows"]), decodeRows: EngineSnapshot.count(step["decode_rows"]),
                seconds: step["seconds"]?.doubleValue ?? 0)
        }
        sequences = (json["sequences"]?.arrayValue ?? []).prefix(EngineSnapshot.most).map { EngineSnapshot.Sequence($0, names: names) }
    }
}

extension EngineSnapshot.Sequence {
    fileprivate init(_ json: JSON, names: [String: String]) {
        let owner = json["owner"]?.stringValue ?? "-"
        self.init(
            id: json["id"]?.intValue ?? 0, owner: names[owner] ?? owner, stage: json["stage"]?.stringValue ?? "-")
        (prompt, cached) = (EngineSnapshot.count(json["prompt_tokens"]), EngineSnapshot.count(json["cached_tokens"]))
        (computed, generated) = (EngineSnapshot.count(json["computed_tokens"]), EngineSnapshot.count(json["generated_tokens"]))
    }
}
