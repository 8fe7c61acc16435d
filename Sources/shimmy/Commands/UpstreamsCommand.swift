import ArgumentParser
import ShimmyChat
import ShimmyClient
import ShimmyJSON
import ShimmyUpstreams

struct UpstreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstreams", abstract: "Show the upstream servers of a running server, or test one.",
        subcommands: [UpstreamsListCommand.self, UpstreamsTestCommand.self], defaultSubcommand: UpstreamsListCommand.self)
}

struct UpstreamsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the upstream servers of a running server.",
        discussion: "Lists name, program, address, health, number of models, requests and circuit breaker. A server with keys needs an admin's key.")

    @OptionGroup var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let answer = try await client.withServer { try await $0.get("/admin/upstreams") }
        let list = answer["data"]?.arrayValue ?? []
        if let problem = answer["problem"]?.stringValue { Console.log("The server did not take its newest configuration: \(problem)") }
        if json { return Console.print(JSON.array(list).pretty()) }
        if list.isEmpty { return Console.print("The server has no upstreams. docs/fleet.md describes how to add one to shimmy.toml.") }
        Console.print(Console.table([Self.head] + list.map(Self.row)))
    }

    static let head = ["UPSTREAM", "KIND", "URL", "HEALTH", "MODELS", "RUNNING", "REQUESTS", "FAILURES", "BREAKER"]

    /// Returns the table row of an upstream.
    /// - upstream: an object of `GET /admin/upstreams`.
    static func row(_ upstream: JSON) -> [String] {
        func number(_ name: String) -> String { upstream[name]?.intValue.map { "\($0)" } ?? "-" }
        let limit = upstream["limit"]?.intValue.map { " of \($0)" } ?? ""
        let health = upstream["healthy"]?.boolValue.map { $0 ? "healthy" : "unhealthy" } ?? "unknown"
        return [
            upstream["name"]?.stringValue ?? "-", upstream["kind"]?.stringValue ?? "-", upstream["url"]?.stringValue ?? "-",
            upstream["obstacle"]?.stringValue.map { "\(health): \($0)" } ?? health, "\(upstream["models"]?.arrayValue?.count ?? 0)",
            number("running") + limit, number("requests"), number("failures"), upstream["breaker"]?.stringValue ?? "-",
        ]
    }
}

struct UpstreamsTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Send one request to an upstream of shimmy.toml, with timing.",
        discussion: "Sends the request from this machine, without a server. The exit code is 1 if a step fails.")

    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "Name of the upstream.")
    var name: String

    @Option(help: "Model to ask. Default: the first one that chats.")
    var model: String?

    func run() async throws {
        let all = try ConfiguredUpstreams.read()
        guard let settings = all.first(where: { $0.name == name }) else {
            throw ValidationError(
                "shimmy.toml has no upstream '\(name)'.\(NameSuggestions.text(for: name, among: all.map(\.name)))")
        }
        let client = UpstreamClient()
        do {
            try await Self.test(settings, model: model, client)
            await client.shutdown()
        } catch {
            await client.shutdown()
            Console.error((error as? UpstreamFailure)?.description ?? "\(error)")
            throw ExitStatus.failure
        }
    }

    private static func test(_ settings: UpstreamSettings, model: String?, _ client: UpstreamClient) async throws {
        let kind = if let kind = settings.kind { kind } else { try await UpstreamEndpoint.detect(settings, client: client) }
        let endpoint = UpstreamEndpoint(settings, kind: kind, client: client)
        var begun = ContinuousClock.now
        try await endpoint.check()
        var rows = [["kind", kind.rawValue], ["check", milliseconds(since: begun)]]
        begun = .now
        let models = try await endpoint.models()
        rows.append(["models", "\(models.count) in \(milliseconds(since: begun))"])
        Console.print(Console.table(rows))
        let chat = models.first { model == nil ? $0.roles.contains(.chat) : $0.id == model }
        guard let chat else { return Console.print("\nNo model to ask: \(model.map { "it has no model '\($0)'" } ?? "none of its models chats").") }
        Console.print("\n" + Console.table(try await ask(chat, endpoint)))
    }

    /// Returns the facts about one short answer.
    private static func ask(_ model: UpstreamModel, _ endpoint: UpstreamEndpoint) async throws -> [[String]] {
        let begun = ContinuousClock.now
        let request = ChatRequest(messages: [ChatMessage(.user, "Say hello.")], maximumTokens: 16)
        let answer = try await endpoint.generate(request, model: model.id, terms: ServiceTerms(), context: UpstreamContext())
        let first = milliseconds(since: begun)
        var tokens = 0
        while let event = try await answer.nextEvent() {
            if case .ended(let usage) = event { tokens = usage.completionTokens }
        }
        func word(_ value: Bool?) -> String { value.map { $0 ? "yes" : "no" } ?? "unknown" }
        return [
            ["model", model.id], ["context", model.contextLength.map { "\($0) tokens" } ?? "unknown"], ["first event", first],
            ["whole answer", "\(tokens) tokens in \(milliseconds(since: begun))"], ["counts tokens", model.tokenizes ? "yes" : "no"],
            ["tools", word(model.takesTools)], ["reasoning", word(model.reasons)], ["images", word(model.takesImages)],
            ["audio", word(model.takesAudio)],
        ]
    }

    private static func milliseconds(since begun: ContinuousClock.Instant) -> String {
        "\(Int(((ContinuousClock.now - begun) / .milliseconds(1)).rounded())) ms"
    }
}
