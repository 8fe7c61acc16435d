import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyHub
import ShimmyJSON
import ShimmyMetrics
import ShimmyModels
import ShimmyServer
import ShimmyService
import ShimmyTestSupport

/// The server's routes and middlewares in this process, with scripted models and without connections.
struct ScriptedServer {
    /// The names of the models, and how they load.
    let models: [String: @Sendable () throws -> Backend]
    /// Without the long silence, a busy machine would begin streams before the models' headers are known.
    var configuration = {
        var configuration = ServerConfiguration()
        configuration.loadSilence = .seconds(3600)
        return configuration
    }()
    var preset = RequestPreset.none
    var library = ScriptedLibrary()
    var hub = ScriptedServer.hub
    /// The tokenizer of all models that are not loaded; nil if it cannot be read.
    var tokenizer: TokenizerFacts?

    init(_ generator: ScriptedGenerator) { models = ["talker": { generator.backend() }] }

    init(models: [String: @Sendable () throws -> Backend]) { self.models = models }

    struct Answer {
        let status: Int
        let headers: HTTPFields
        let body: String

        var json: JSON { (try? JSON.parse(Array(body.utf8))) ?? .null }

        /// The values of a stream of lines.
        var lines: [JSON] { body.split(separator: "\n").compactMap { try? JSON.parse(Array($0.utf8)) } }

        /// The values of the stream's events.
        var events: [JSON] { data.compactMap { try? JSON.parse(Array($0.utf8)) } }

        /// The data lines of the stream, without their field name.
        var data: [Substring] {
            body.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { $0.dropFirst("data: ".count) }
        }

        /// Status, code and field of an error.
        var error: String {
            let error = json["error"]
            return "\(status) \(error?["code"]?.stringValue ?? "-") \(error?["param"]?.stringValue ?? "-")"
        }

        func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    }

    func post(_ path: String, _ body: JSON, headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", path, String(decoding: body.serialized(), as: UTF8.self), headers: headers)
    }

    func send(_ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]) async throws -> Answer {
        var fields: HTTPFields = [:]
        if body != nil { fields[.contentType] = "application/json" }
        for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
        let sent = fields
        return try await application().test(.router) { client in
            try await client.execute(
                uri: path, method: HTTPRequest.Method(method)!, headers: sent, body: body.map { ByteBuffer(string: $0) }
            ) { Answer(status: $0.status.code, headers: $0.headers, body: String(buffer: $0.body)) }
        }
    }

    /// A hub that nothing reaches.
    static let hub = HubAccess(endpoint: HubEndpoint(environment: [:], home: "/nowhere") { _ in nil }, directory: "/nowhere", memory: 0)

    /// Returns a service that stores nothing.
    /// - metrics: the registry that answers are recorded in; nil for none.
    static func service(
        _ models: [String: @Sendable () throws -> Backend], preset: RequestPreset = .none, metrics: MetricsRegistry? = nil,
        accounts: Accounts = Accounts()
    ) -> InferenceService {
        InferenceService(
            models: .scripted(models), presets: { _ in preset }, store: nil,
            observer: metrics.map { AnswerObservers([AnswerLog(), AnswerMetrics($0)]) } ?? AnswerObservers([AnswerLog()]), logger: logger,
            accounts: accounts
        ) { Owner($0) }
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func application() -> Application<ShimmyServer.Responder> {
        ShimmyServer.application(
            configuration: configuration,
            service: Self.service(models, preset: preset, metrics: configuration.metrics, accounts: configuration.accounts),
            hub: hub, library: library,
            contextLength: { _ in nil },
            tokenizer: { [tokenizer] _ in
                guard let tokenizer else { throw NoTokenizer() }
                return tokenizer
            }, logger: Self.logger)
    }

    private struct NoTokenizer: Error {}
}
