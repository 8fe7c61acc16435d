import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// The routes of LM Studio's own API that clients use: `GET /api/v0/models`, `GET /api/v0/models/{model}`, `GET /api/v1/models`, and
/// `POST /api/v1/models/load` and `/unload`.
struct LMStudioRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let contextLength: @Sendable (ModelRecord) -> Int?

    private var models: ModelManager { service.models }

    var routes: [Route] {
        [
            Route(.get, "/api/v0/models", .read, api: .lmStudio) { _, _ in
                .json(["object": "list", "data": .array(await all().map(\.older))])
            },
            Route(.get, "/api/v0/models/{model}", .read, api: .lmStudio) { request, _ in
                guard let name = ModelRoutes.modelName(inPath: request.uri.path), let model = describe(try await models.find(name)) else {
                    throw APIError.unknownModel(request.uri.path)
                }
                return .json(model.older)
            },
            Route(.get, "/api/v1/models", .read, api: .lmStudio) { _, _ in .json(["models": .array(await all().map(\.json))]) },
            Route(.post, "/api/v1/models/load", .load, api: .lmStudio, access: .admin, handler: load),
            Route(.post, "/api/v1/models/unload", .write, api: .lmStudio, access: .admin, handler: unload),
        ]
    }

    // MARK: Lists

    private func all() async -> [LMStudioModel] { await models.list().filter(\.isLoadable).compactMap(describe) }

    /// Returns the description of a model; nil for a model of a kind that LM Studio's API does not have.
    private func describe(_ record: ModelRecord) -> LMStudioModel? {
        guard let role = record.roles.first, role != .rerank else { return nil }
        var model = LMStudioModel(id: record.id, source: record.source.label, role: role, sizeBytes: record.sizeBytes)
        model.readsImages = record.upstream?.abilities.contains("vision") ?? false
        model.isGGUF = !record.isFolder && record.upstream == nil
        model.architecture = record.architecture
        model.quantization = record.quantization
        model.parameters = record.parameterCount
        model.contextLength = record.contextLength ?? contextLength(record)
        model.loadedContextLength = models.loadedBackend(record)?.knownContextLength
        return model
    }

    // MARK: Changes

    @Sendable private func load(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        var decoded = try await body.read(request, context) { try LMStudioLoadRequest($0) }
        let record = try await models.findUsable(decoded.model)
        guard var model = describe(record) else { throw APIError.unknownModel(decoded.model) }
        if let wanted = decoded.contextLength {
            var isExact = false
            if model.role == .chat {
                isExact = try await service.setContext(wanted, of: decoded.model, planned: contextLength, field: "context_length")
            }
            if !isExact { decoded.ignore("context_length") }
        }
        let begin = ContinuousClock.now
        let keepAlive = decoded.seconds.flatMap { KeepAlive(seconds: Double($0)) }
        let lease = try await context.acquire(decoded.model, from: service, keepAlive: keepAlive, onlyLoads: true)
        model.loadedContextLength = lease.backend.knownContextLength
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        var response = Response.json(model.loaded(within: seconds, tellsSettings: decoded.tellsSettings))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    @Sendable private func unload(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try LMStudioUnloadRequest($0) }
        guard try await models.unload(decoded.instance) else { throw decoded.missing }
        var response = Response.json(decoded.response)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }
}
