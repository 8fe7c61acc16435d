import ArgumentParser
import Foundation
import ShimmyClient
import ShimmyCore
import ShimmyJSON

struct PsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "Show a running server's loaded models and their activity.")

    @OptionGroup var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON: the server's description of its engines.")
    var json = false

    @Flag(help: "Only check that the server answers, for the health check of a container: print nothing, and need no API key.")
    var health = false

    func validate() throws {
        if health, json { throw ValidationError("--health prints nothing; it cannot be combined with --json.") }
    }

    func run() async throws {
        if health {
            _ = try await client.withServer { server in try await server.get("/health", within: 4) }
            return
        }
        let (status, speeds, upstreams) = try await client.withServer { server in
            let first = try await server.get("/v1/engine")
            // A user's key may not ask for the upstreams.
            var upstreams: JSON?
            if !json { upstreams = try? await server.get("/admin/upstreams") }
            guard !json, RunningModel.all(in: first).contains(where: \.isDecoding) else {
                return (first, [String: Double](), upstreams)
            }
            // The speed is the number of tokens generated in 400 ms.
            let begun = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(400))
            let second = try await server.get("/v1/engine")
            return (second, RunningModel.speeds(first, second, seconds: (ContinuousClock.now - begun) / .seconds(1)), upstreams)
        }
        if json {
            Console.print(status.pretty())
            return
        }
        let models = RunningModel.all(in: status)
        if models.isEmpty {
            Console.print("No model is loaded. 'shimmy load MODEL' loads one, and so does the first request for it.")
        } else {
            let head = ["NAME", "STATE", "MEMORY", "CONTEXT", "UNTIL", "REQUESTS", "TOKENS/S", "CACHED"]
            Console.print(Console.table([head] + models.map { $0.row(speed: speeds[$0.name]) }))
        }
        if let rows = upstreams?["data"]?.arrayValue?.map(UpstreamsListCommand.row), !rows.isEmpty {
            Console.print("\n" + Console.table([UpstreamsListCommand.head] + rows))
        }
        if let used = status["memory"]?["used"]?.intValue, let budget = status["memory"]?["budget"]?.intValue {
            Console.print("\nMemory: \(Console.size(used)) of \(Console.size(budget)).")
        }
    }
}

/// A model in the response of `GET /v1/engine`.
struct RunningModel {
    let name: String
    private let facts: JSON

    init?(_ facts: JSON) {
        guard let name = facts["model"]?.stringValue else { return nil }
        self.name = name
        self.facts = facts
    }

    static func all(in status: JSON) -> [RunningModel] { (status["data"]?.arrayValue ?? []).compactMap(RunningModel.init) }

    /// Returns the names of the models that are loaded, without those that are loading.
    static func loaded(in status: JSON) -> [String] {
        all(in: status).filter { ($0.facts["state"]?.stringValue ?? "loaded") == "loaded" }.map(\.name)
    }

    /// Returns the tokens per second that each model generated between two responses, by model name.
    static func speeds(_ first: JSON, _ second: JSON, seconds: Double) -> [String: Double] {
        let before = Dictionary(all(in: first).map { ($0.name, $0.generated) }, uniquingKeysWith: { $1 })
        let after = all(in: second).map { ($0.name, (Double($0.generated) - Double(before[$0.name] ?? $0.generated)) / seconds) }
        return Dictionary(after, uniquingKeysWith: { $1 })
    }

    private func number(_ path: String...) -> Int? { path.reduce(facts as JSON?) { $0?[$1] }?.intValue }

    private var generated: Int { number("generated_tokens") ?? 0 }
    var isDecoding: Bool { number("running") ?? 0 > 0 }

    func row(speed: Double?) -> [String] {
        [name, state, memory, context, until, requests, speed.map { "\(($0 * 10).rounded() / 10)" } ?? "-", cached]
    }

    /// The state, with the progress in percent while the model loads.
    private var state: String {
        let state = facts["state"]?.stringValue ?? "loaded"
        guard let progress = facts["progress"]?.doubleValue, progress < 1 else { return state }
        return "\(state) \(Int(max(0, progress) * 100)) %"
    }

    /// The bytes in use; `grammars_limit` is not one of them.
    private var memory: String {
        let parts = ["weights", "kv", "compute", "grammars"].compactMap { number("memory", $0) }
        return parts.isEmpty ? "-" : Console.size(parts.reduce(0) { $0.saturated(adding: max(0, $1)) })
    }

    /// The context length in tokens; unknown while the model loads.
    private var context: String { number("context_length").map { "\($0)" } ?? "-" }

    private var until: String {
        if facts["pinned"]?.boolValue == true { return "pinned" }
        guard let expires = facts["expires_at"], state == "loaded" else { return "-" }
        guard let end = expires.doubleValue else { return "for ever" }
        return Self.span(end - Date.now.timeIntervalSince1970)
    }

    /// Returns a time span as text.
    /// - seconds: the number of seconds from now.
    static func span(_ seconds: Double) -> String {
        let seconds = Int(min(max(0, seconds.rounded()), 1e9))
        if seconds < 60 { return "\(seconds) s" }
        return seconds < 3600 ? "\(seconds / 60) min" : "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    }

    private var requests: String {
        guard let running = number("running") else { return "-" }
        let waiting = number("waiting") ?? 0
        return waiting > 0 ? "\(running) + \(waiting) waiting" : "\(running)"
    }

    /// The share of all prompt tokens that the prefix cache provided.
    private var cached: String {
        guard let cached = number("prefix_cache", "cached_tokens"), let computed = number("prefix_cache", "computed_tokens"), cached >= 0,
            computed >= 0, cached.saturated(adding: computed) > 0
        else { return "-" }
        return "\(Int(Double(cached) / (Double(cached) + Double(computed)) * 100)) %"
    }
}
