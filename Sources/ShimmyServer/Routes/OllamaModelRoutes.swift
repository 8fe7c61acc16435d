import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// The routes of Ollama's API that describe models or pull them: `/api/version`, `/api/tags`, `/api/ps`, `/api/show`, `/api/pull` and `/api/push`.
struct OllamaModelRoutes: Sendable {
    let service: InferenceService
    let library: any ModelLibrary
    let hub: HubAccess
    /// A reader of bodies of any content type.
    let body: RequestReader
    let heartbeat: Duration
    /// The version of this program.
    let version: String
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let contextLength: @Sendable (ModelRecord) -> Int?
    let tokenizer: @Sendable (ModelRecord) async throws -> TokenizerFacts

    /// The version of Ollama whose API this is. Clients refuse older versions: Copilot those before 0.6.4, Codex those before 0.13.4.
    private static let ollamaVersion = "0.14.0"
    /// The time in seconds after which a model that stays for ever is freed: the longest time of Ollama's clock.
    private static let forever = 9_223_372_036.0

    private var models: ModelManager { service.models }

    var routes: [Route] {
        [
            Route(.get, "/api/version", .read, api: .ollama) { _, _ in
                .json(["version": .string(Self.ollamaVersion), "shimmy": .string(version)])
            },
            Route(.get, "/api/tags", .read, api: .ollama) { _, _ in .json(["models": .array(await entries())]) },
            Route(.get, "/api/ps", .read, api: .ollama) { _, _ in .json(["models": .array(await running())]) },
            Route(.post, "/api/show", .write, api: .ollama, handler: show),
            Route(.post, "/api/pull", .write, api: .ollama, access: .puller, handler: pull),
            Route(.post, "/api/push", .write, api: .ollama) { _, _ in
                throw APIError(
                    status: 400, message: "Models cannot be pushed: this server has no registry. Upload the file to the Hugging Face hub instead.",
                    code: "unsupported_operation")
            },
        ]
    }

    // MARK: Lists

    /// Returns the entries of all models and aliases, the newest model first.
    private func entries() async -> [JSON] {
        var entries: [JSON] = []
        for record in await models.list().filter(\.isLoadable).sorted(by: { ($1.changed, $0.id) < ($0.changed, $1.id) }) {
            let aliases = await models.aliases(of: record)
            var model = await model(record, name: record.id)
            for name in [record.id] + aliases {
                model.name = name
                entries.append(model.entry)
            }
        }
        return entries
    }

    private func running() async -> [JSON] {
        let records = await models.list()
        let now = Double(UnixTime.now)
        var running: [JSON] = []
        for status in models.statuses {
            guard status.stage == .loaded, let backend = status.backend else { continue }
            // A key that may use only a model that was created from this one sees it under that name.
            let own = records.first { $0.id == status.id }
            guard let record = own ?? records.first(where: { $0.loaded.id == status.id }) else { continue }
            let memory = status.memory.total
            running.append(
                await model(record, name: record.id).running(
                    memory: (memory, library.usesGPU ? memory : 0), context: backend.contextLength, expiry: now + Self.remaining(status)))
        }
        return running
    }

    /// Returns the description of a model, without a base that the request may not use.
    /// - name: the name of the model, or an alias.
    private func model(_ record: ModelRecord, name: String) async -> OllamaModel {
        var model = OllamaModel(record, name: name)
        model.base = await models.base(of: record)
        return model
    }

    /// Returns the seconds until a model is freed; for a model in use, as if its last user was done now.
    private static func remaining(_ status: ModelStatus) -> Double {
        if let seconds = status.expiresIn { return seconds }
        if case .seconds(let seconds) = status.keepAlive, !status.isPinned { return seconds }
        return forever
    }

    // MARK: Descriptions

    @Sendable private func show(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaModelRequest(show: $0) }
        let record = try await models.findUsable(decoded.model)
        let description = try await context.untilDisconnected { [logger = context.logger] in try await describe(record, as: decoded.model, logger) }
        var response = Response.json(description.json)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    /// - name: the name that the client used.
    private func describe(_ record: ModelRecord, as name: String, _ logger: Logger) async throws -> OllamaModelDescription {
        var description = OllamaModelDescription(await model(record, name: name), roles: record.roles)
        let preset = service.presets(record)
        description.system = preset.system
        description.messages = preset.examples
        description.fields = preset.defaults
        for (field, value) in preset.forced { description.fields[field] = value }
        for (field, value) in preset.adding(recommended: record.sampling) { description.fields[field] = value }
        description.license = record.creation?.license
        description.contextLength = models.loadedBackend(record)?.knownContextLength ?? contextLength(record)
        if let upstream = record.upstream {
            description.thinks = upstream.abilities.contains("thinking")
            description.media = upstream.abilities.filter { $0 == "vision" || $0 == "audio" }
            return description
        }
        do {
            description.metadata = try await library.metadata(of: record)
            if record.roles.contains(.chat) {
                let facts = try await tokenizer(record)
                (description.template, description.infills, description.thinks) = (facts.template, facts.infills, facts.thinks)
            }
        } catch let error where !(error is CancellationError) {
            // A folder of SafeTensors has neither before it is converted.
            logger.info("model file cannot be described", metadata: ["model": "\(record.id)", "error": "\(error)"])
        }
        return description
    }

    // MARK: Pulls

    @Sendable private func pull(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaModelRequest(pull: $0) }
        var response = try await pull(decoded.model, streams: decoded.stream, context)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    /// Pulls a model. Errors that are known before the download starts set the status. A model that is only on this machine is a success, because
    /// clients pull a model to make sure that it exists.
    private func pull(_ name: String, streams: Bool, _ context: ShimmyRequestContext) async throws -> Response {
        let isHere = (try? await models.findUsable(name)) != nil
        func here() -> Response {
            streams ? .lines([OllamaProgress.manifest, OllamaProgress.success]) : .json(OllamaProgress.success)
        }
        guard let address = try? HubAddress(name) else {
            if isHere { return here() }
            throw APIError.notOnTheHub(name)
        }
        let plan: PlannedPull
        do {
            plan = try await context.untilDisconnected { [hub] in
                try await hub.withPuller { try await $0.plan(address, memory: hub.memory) }
            }
        } catch let error as HubError where isHere && error.isAbsence {
            return here()
        }
        if streams { return stream(plan, context) }
        try await context.untilDisconnected { [hub] in try await hub.withPuller { try await $0.run(plan) { _ in } } }
        await models.rescan()
        return .json(OllamaProgress.success)
    }

    private func stream(_ plan: PlannedPull, _ context: ShimmyRequestContext) -> Response {
        .events(context, .lines, in: .ollama) { writer in
            try await writer.write(ByteBuffer(bytes: StreamFraming.lines.frame(OllamaProgress.manifest)))
            let run = PullRun(plan, from: hub, heartbeat: heartbeat)
            defer { run.cancel() }
            try await context.channel.onDisconnect({ run.cancel() }) {
                var last = OllamaProgress.manifest
                for await _ in run.news.wakes {
                    guard let news = run.news.take() else { continue }
                    // Lines have no comments, so the last value is repeated to show that the pull is alive.
                    if case .value(let progress) = news { last = Self.value(progress, plan) }
                    try await writer.write(ByteBuffer(bytes: StreamFraming.lines.frame(last)))
                }
                try await run.finish()
                await models.rescan()
                try await writer.write(ByteBuffer(bytes: StreamFraming.lines.frame(OllamaProgress.success)))
            }
        }
    }

    private static func value(_ progress: PullProgress, _ plan: PlannedPull) -> JSON {
        switch progress.stage {
        case .downloading: OllamaProgress.pulling(plan.digest, completed: progress.doneBytes, total: progress.totalBytes)
        case .verifying: OllamaProgress.verifying
        }
    }
}

extension HubError {
    /// Whether the hub does not have the model, as far as this user can see.
    fileprivate var isAbsence: Bool {
        switch self {
        case .offline, .unauthorized, .notFound: true
        default: false
        }
    }
}

extension Response {
    /// Returns a stream of lines that are already known.
    static func lines(_ values: [JSON]) -> Response {
        .stream(.lines) { writer in try await writer.write(ByteBuffer(bytes: values.flatMap(StreamFraming.lines.frame))) }
    }
}

extension APIError {
    /// Returns the error for a pull of a name that cannot be a name on the hub.
    fileprivate static func notOnTheHub(_ name: String) -> APIError {
        APIError(
            status: 404,
            message: "Model '\(name)' cannot be pulled: this server pulls from the Hugging Face hub, not from Ollama's registry. Use a name such as "
                + "hf.co/USER/REPO or hf.co/USER/REPO:QUANTIZATION.", param: "model", code: "model_not_found")
    }
}

extension OllamaModel {
    /// - name: the name of the model, or an alias.
    init(_ record: ModelRecord, name: String) {
        self.init(name: name, digest: record.digest, sizeBytes: record.sizeBytes, modified: record.changed)
        base = record.base
        isGGUF = !record.isFolder && record.upstream == nil
        architecture = record.architecture
        parameters = record.parameterCount
        quantization = record.quantization
        contextLength = record.contextLength
        embeddingLength = record.embeddingLength
    }
}

extension ModelRecord {
    /// The time at which the model was created or its file changed, in Unix seconds.
    fileprivate var changed: Int { creation?.created ?? modified }
}
