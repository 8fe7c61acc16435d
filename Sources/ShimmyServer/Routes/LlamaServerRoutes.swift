import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// The routes of llama-server's own API, and its route to count the tokens of a chat request.
struct LlamaServerRoutes: Sendable {
    let service: InferenceService
    let responder: AnswerResponder
    /// The version of this program.
    let version: String
    let tokenizers: TokenizerLookup
    private let reader: PresetReader
    /// The reader for the route below OpenAI's path.
    private let strictReader: PresetReader

    /// - body: a reader of bodies; those of llama-server's clients may have any content type.
    init(
        service: InferenceService, body: RequestReader, responder: AnswerResponder, version: String, tokenizers: TokenizerLookup
    ) {
        self.service = service
        self.responder = responder
        self.version = version
        self.tokenizers = tokenizers
        reader = PresetReader(body: body.ofAnyType, service: service)
        strictReader = PresetReader(body: body, service: service)
    }

    private var models: ModelManager { service.models }

    var routes: [Route] {
        [
            Route(.post, "/completion", .load, api: .llamaServer) {
                try await answer($0, $1) { try LlamaServerRequest(completion: $0, preset: $1) }
            },
            Route(.post, "/infill", .load, api: .llamaServer) { try await answer($0, $1) { try LlamaServerRequest(infill: $0, preset: $1) } },
            Route(.post, "/embedding", .load, api: .llamaServer, handler: embed),
            Route(.post, "/apply-template", .load, api: .llamaServer, handler: render),
            Route(.get, "/props", .read, api: .llamaServer, handler: describe),
            Route(.get, "/slots", .read, api: .llamaServer, access: .admin, handler: listSlots),
            Route(own: .post, "/chat/completions/input_tokens", .load, handler: count),
        ]
    }

    // MARK: Answers

    private func answer(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON, RequestPreset) throws -> LlamaServerRequest
    ) async throws -> Response {
        let reading = try await reader.readNamingModel(request, context) { json, preset in
            let decoded = try decode(json, preset)
            return PresetRequest(value: decoded, preset: preset, forced: decoded.forced)
        }
        return try await responder.respond(to: service.acceptLlamaServer(reading, context.caller), context)
    }

    @Sendable private func embed(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await reader.readNamingModel(request, context, for: .embeddings) { json, preset in
            PresetRequest(value: try LlamaServerEmbedRequest(json), preset: preset, forced: [])
        }.value
        let answer = try await context.untilDisconnected { [service, caller = context.caller] in
            try await service.embedLlamaServer(decoded, caller)
        }
        var response = Response.json(answer)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    // MARK: Prompts

    @Sendable private func render(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.readNamingModel(request, context) { json, preset in
            try preset.reading(json, of: Compatibility.chatCompletions) { try RenderRequest($0) }
        }
        var decoded = reading.value
        reading.preset.complete(&decoded.conversation)
        let prompt = try await service.counting(context.caller) { [decoded] in
            let lease = try await context.acquire(decoded.model, for: .chat, from: service)
            return try await context.untilDisconnected { try await lease.generator.prepare(decoded.conversation) }
        }
        var response = Response.json(["prompt": .string(prompt.text)])
        response.report(prompt.report)
        return response
    }

    @Sendable private func count(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await strictReader.read(request, context, for: Compatibility.chatCompletions) { try RenderRequest($0) }
        let tokens = try await context.untilDisconnected { [service, caller = context.caller] in try await service.countChat(reading, caller) }
        return .json(InputTokensRequest.response(tokens))
    }

    // MARK: Descriptions

    @Sendable private func describe(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        guard let name = await models.model(named: request.query.string("model"), for: .chat) else {
            return .json(LlamaServerProperties.withoutModel(version: version))
        }
        let record = try await models.findUsable(name)
        if record.upstream != nil { throw APIError.notOfUpstream(name, "properties") }
        let properties = LlamaServerProperties(
            model: name, file: record.fileName,
            contextLength: tokenizers.contextLength(of: record), slots: models.loadedBackend(record)?.engine.statistics.runningLimit,
            tokenizer: try await tokenizers.facts(of: record, context.logger))
        return .json(properties.json(preset: await reader.completionPreset(name), version: version))
    }

    @Sendable private func listSlots(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        var loaded = models.loaded.filter { $0.backend.generator != nil }
        if let name = request.query.string("model"), !name.isEmpty {
            let id = try await models.findUsable(name).loaded.id
            loaded = loaded.filter { $0.id == id }
        }
        let slots = loaded.flatMap { Self.slots(of: $0.id, $0.backend) }
        // Without a loaded model, a request loads one and gets a slot.
        if request.query.string("fail_on_no_slot") != nil, !slots.isEmpty, !slots.contains(where: \.isFree) { throw LlamaServerSlot.noneFree }
        return .json(LlamaServerSlot.list(slots))
    }

    private static func slots(of model: String, _ backend: Backend) -> [LlamaServerSlot] {
        let statistics = backend.engine.statistics
        let running = statistics.sequences.filter { $0.stage != .waiting }.map { sequence in
            LlamaServerSlot.Running(
                id: sequence.id, prompt: sequence.promptTokens, cached: sequence.cachedPromptTokens, computed: sequence.computedTokens,
                generated: sequence.generatedTokens)
        }
        return (0..<max(running.count, statistics.runningLimit)).map { index in
            LlamaServerSlot(
                model: model, contextLength: backend.contextLength, sequence: running.indices.contains(index) ? running[index] : nil)
        }
    }
}

extension ModelRecord {
    /// The name of the model's file. A model that the user defines on another one has no file of its own, and the key of the request may not be
    /// allowed to know the other one.
    fileprivate var fileName: String { base == nil ? path.split(separator: "/").last.map { String($0) } ?? id : id }
}
