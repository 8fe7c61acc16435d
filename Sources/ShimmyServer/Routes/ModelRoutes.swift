import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// `GET /v1/models` and `GET /v1/models/{model}` of OpenAI's and Anthropic's APIs, and Shimmy's routes to load, unload, pin and rescan models. Only
/// `/models/load` and `/models/pin` load a model.
package struct ModelRoutes: Sendable {
    let service: InferenceService
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let contextLength: @Sendable (ModelRecord) -> Int?
    let body: RequestReader
    /// How long a streamed load waits before the stream starts. This is usually enough to detect that a model cannot be loaded.
    private static let silence: Duration = .milliseconds(100)

    private var models: ModelManager { service.models }
    private var anthropic: AnthropicModelRoutes { AnthropicModelRoutes(models: models, contextLength: contextLength) }

    var routes: [Route] {
        [
            Route(own: .post, "/models/load", .load, access: .admin, handler: load),
            Route(own: .post, "/models/unload", .write, access: .admin, handler: unload),
            Route(own: .post, "/models/pin", .load, access: .admin, handler: pin),
            Route(own: .post, "/models/unpin", .write, access: .admin) { request, context in
                let record = try await models.findUsable(try await body.read(request, context) { try ModelNameRequest($0) }.model)
                return try setPin(false, of: record)
            },
            Route(own: .post, "/models/rescan", .write, access: .admin) { _, _ in
                await models.rescan()
                return .json(["object": "list", "models": .int(await models.list().count)])
            },
            Route(.get, "/models", .read) { request, context in
                if Self.isAnthropics(request) { return try await anthropic.list(request) }
                let records = await models.list().filter { $0.isLoadable || $0.problem != nil }
                var descriptions: [ModelDescription] = []
                for record in records { descriptions.append(await describe(record, for: context)) }
                return .json(ModelDescription.list(descriptions, forCodex: request.query.string("client_version") != nil))
            },
            Route(.get, "/models/{model}", .read) { request, context in
                guard let name = Self.modelName(inPath: request.uri.path) else { throw APIError.unknownModel(request.uri.path) }
                if Self.isAnthropics(request) { return try await anthropic.retrieve(name) }
                return .json(await describe(try await models.find(name), for: context).json)
            },
        ]
    }

    /// Returns whether a request was sent by a client of Anthropic's API, which has other objects at the same paths.
    private static func isAnthropics(_ request: Request) -> Bool { request.headers[.anthropicVersion] != nil }

    /// Loads a model: an API of Shimmy under llama-server's path. Returns when the model is loaded. A stream reports the progress until
    /// then.
    @Sendable private func load(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try ModelLoadRequest($0) }
        if decoded.stream { return try await streamLoad(decoded, context) }
        let lease = try await context.acquire(decoded.model, from: service, keepAlive: decoded.keepAlive, onlyLoads: true)
        return .json(await describe(lease.record, for: context).json)
    }

    private func streamLoad(_ request: ModelLoadRequest, _ context: ShimmyRequestContext) async throws -> Response {
        let record = try await models.findUsable(request.model)
        let pending = PendingLease(record, from: models, keepAlive: request.keepAlive, onlyLoads: true)
        let early = try await pending.lease(within: Self.silence, context.channel)
        return .events(context) { writer in
            let lease = if let early { early } else { try await pending.lease(telling: &writer, .unnamed, context.channel) }
            let event = ServerSentEvents.data(await describe(lease.record, for: context).json)
            try await writer.write(ByteBuffer(bytes: event + ServerSentEvents.done))
        }
    }

    @Sendable private func unload(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let name = try await body.read(request, context) { try ModelNameRequest($0) }.model
        let wasLoaded = try await models.unload(name)
        return .json(["model": .string(name), "unloaded": .bool(wasLoaded)])
    }

    /// Loads a model if it is not loaded, and pins it.
    @Sendable private func pin(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let name = try await body.read(request, context) { try ModelNameRequest($0) }.model
        let lease = try await context.acquire(name, from: service, onlyLoads: true)
        // The lease keeps the model loaded until it is pinned.
        defer { withExtendedLifetime(lease) {} }
        return try setPin(true, of: lease.record)
    }

    private func setPin(_ isPinned: Bool, of record: ModelRecord) throws(ModelError) -> Response {
        if record.upstream != nil { throw .unusable(record.id, reason: "it runs on another server, which decides how long it stays loaded") }
        models.setPin(isPinned, of: record)
        return .json(["model": .string(record.id), "pinned": .bool(isPinned)])
    }

    /// Returns the model's name in a path; nil if it has none. Ids contain slashes and colons, which clients may percent-encode:
    /// `/v1/models/hf.co%2Fuser%2Frepo:Q4_K_M`.
    package static func modelName(inPath path: String) -> String? {
        guard let range = path.firstRange(of: "/models/") else { return nil }
        var name = path[range.upperBound...]
        while name.last == "/" { name.removeLast() }
        return PercentEncoding.decoded(name)
    }

    private func describe(_ record: ModelRecord, for context: ShimmyRequestContext) async -> ModelDescription {
        let backend = models.loadedBackend(record)
        var description = ModelDescription(
            id: record.id, created: record.modified, source: record.source.label, architecture: record.architecture,
            parameters: record.parameterCount, quantization: record.quantization,
            contextLength: backend?.knownContextLength ?? contextLength(record),
            capabilities: record.problem == nil ? record.roles.map(\.rawValue) + (record.upstream?.abilities ?? []) : [],
            sizeBytes: record.sizeBytes, loaded: backend != nil,
            problem: record.problem,
            aliases: await models.aliases(of: record), base: await models.base(of: record),
            memoryBytes: record.isLoadable ? await models.memory(of: record)?.total : nil)
        description.upstreams = record.upstream?.servers
        // Clients do not need to know the paths of the machine.
        if record.upstream == nil, (try? context.check(.admin)) != nil { description.path = record.path }
        description.sampling = service.presets(record).adding(recommended: record.sampling)
        return description
    }
}
