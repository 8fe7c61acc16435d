import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// The routes of Ollama's API that change the models of this machine: `/api/create`, `/api/copy`, `/api/delete` and `/api/blobs`.
struct OllamaChangeRoutes: Sendable {
    let models: ModelManager
    let library: any ModelLibrary
    let blobs: BlobStore
    /// A reader of bodies of any content type.
    let body: RequestReader

    /// The bytes of an uploaded file that are written at once.
    private static let pieceBytes = 1 << 20

    var routes: [Route] {
        [
            Route(.post, "/api/create", .write, api: .ollama, access: .admin, handler: create),
            Route(.post, "/api/copy", .write, api: .ollama, access: .admin, handler: copy),
            Route(.delete, "/api/delete", .write, api: .ollama, access: .admin, handler: delete),
            Route(.head, "/api/blobs/{digest}", .read, api: .ollama, access: .admin, handler: find),
            Route(.post, "/api/blobs/{digest}", .write, api: .ollama, access: .admin, isUpload: true, handler: upload),
        ]
    }

    // MARK: Names

    @Sendable private func copy(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaCopyRequest($0) }
        let record = try await models.find(decoded.source)
        try await Self.refusing("destination") {
            if var model = record.creation {
                // The copy remains when the original is deleted or replaced.
                model.name = decoded.destination
                model.base = record.base ?? model.base
                try await library.create(model, from: nil, among: await models.list())
            } else {
                try await library.addAlias(decoded.destination, of: record, among: await models.list())
            }
        }
        await models.rescan()
        await models.applySettings()
        return Self.done(decoded.ignoredParameters)
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaModelRequest(delete: $0) }
        let all = await models.list()
        try await Self.refusing("model") {
            let record: ModelRecord
            do {
                record = try await models.find(decoded.model)
            } catch {
                // A name whose model is gone can still be deleted.
                guard try await library.forget(decoded.model) else { throw error }
                return
            }
            let plan = try await library.removal(of: decoded.model, record, among: all)
            if plan.frees { _ = try await models.unload(record.id) }
            try await plan.run()
        }
        await models.rescan()
        return Self.done(decoded.ignoredParameters)
    }

    // MARK: Creation

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        var decoded = try await body.read(request, context) { try OllamaCreateRequest($0) }
        var hints = ModelHints()
        hints.system = decoded.system
        hints.messages = decoded.messages.map { ModelHints.Message(role: $0.role, content: $0.content) }
        for name in hints.add(ollamaParameters: decoded.parameters) { decoded.ignoredParameters.append("parameters.\(name)") }
        // Requests of other APIs use the parameters, too.
        let given = hints.defaults
        hints.defaults = SamplingLimits.moving(given)
        for (name, value) in given where hints.defaults[name] != value { decoded.ignoredParameters.append("parameters.\(name)") }
        try Self.check(hints)
        var model = CreatedModel(
            name: decoded.model, base: "", hints: hints, template: decoded.template, license: decoded.license, created: UnixTime.now)
        do {
            try CreatedModelFile.check(model)
        } catch {
            throw APIError.invalid("model", error.description)
        }
        model.template = nil
        if !decoded.template.isEmpty {
            let problem = try await library.problem(ofTemplate: decoded.template)
            if let problem, !decoded.mayBeOllamas { throw APIError.invalid("template", problem) }
            if problem == nil { model.template = decoded.template } else { decoded.ignoredParameters.append("template") }
        }
        switch decoded.source {
        case .model(let name): try await add(model, on: try await models.findUsable(name), isAlias: decoded.hasNoSettings)
        case .file(let text):
            let digest = try Self.digest(text)
            guard let file = try await blobs.path(of: digest) else { throw APIError.missingBlob(digest) }
            let (created, all) = (model, await models.list())
            try await Self.refusing("model") { try await library.create(created, from: file, among: all) }
        }
        await models.rescan()
        // The context or the template of a model that was replaced may have changed.
        await models.applySettings()
        // A context is never longer than the one that the model was trained with.
        let longest = (await models.list()).first { $0.id == model.name }?.contextLength ?? InputLimits.standard.contextTokens
        if let context = hints.contextLength, context > longest { decoded.ignoredParameters.append("parameters.num_ctx") }
        var response = decoded.stream ? Response.lines([OllamaProgress.reading, OllamaProgress.success]) : .json(OllamaProgress.success)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    /// Adds a model on top of another one.
    /// - isAlias: whether the model has no settings of its own.
    private func add(_ model: CreatedModel, on base: ModelRecord, isAlias: Bool) async throws {
        var model = model
        model.base = base.id
        let all = await models.list()
        if isAlias, base.creation == nil {
            if base.id == model.name { return }
            return try await Self.refusing("model") { try await library.addAlias(model.name, of: base, among: all) }
        }
        if let creation = base.creation {
            model = model.over(creation)
        } else if let root = base.base {
            throw APIError.invalid("from", "\(base.id) is itself based on \(root) in shimmy.toml; use \(root)")
        }
        let created = model
        try await Self.refusing("model") { try await library.create(created, from: nil, among: all) }
    }

    /// Throws a 400 if a parameter does not have an allowed value.
    private static func check(_ hints: ModelHints) throws(APIError) {
        guard let problem = RequestPreset.problem(hints.defaults) else { return }
        var names = FieldNames()
        for field in hints.defaults.keys { names.note(field, as: "parameters.\(field == "max_completion_tokens" ? "num_predict" : field)") }
        throw names.renaming(problem)
    }

    // MARK: Files

    /// Returns whether a file was uploaded.
    @Sendable private func find(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let digest = try Self.digest(context)
        return Response(status: try await blobs.path(of: digest) == nil ? .notFound : .ok)
    }

    /// Receives a file. Its bytes go to the disk as they arrive.
    @Sendable private func upload(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let digest = try Self.digest(context)
        guard try BodyEncoding(header: request.headers[.contentEncoding]) == .identity else { throw APIError.encodedUpload }
        if try await blobs.path(of: digest) != nil { return Response(status: .ok) }
        do {
            let upload = try await blobs.begin(digest, length: request.headers[.contentLength].flatMap { Int($0) })
            var piece: [UInt8] = []
            for try await buffer in request.body {
                piece += buffer.readableBytesView
                guard piece.count >= Self.pieceBytes else { continue }
                try await upload.append(piece)
                piece = []
            }
            try await upload.append(piece)
            try await upload.finish()
        } catch is BodyTimeout {
            throw APIError.bodyTooSlow
        } catch let error where error is HTTPParserError || error is IOError {
            throw APIError(ofBody: error)
        } catch let error as BlobError {
            throw APIError(error)
        }
        return Response(status: .created)
    }

    /// Returns the digest in the path of a request.
    private static func digest(_ context: ShimmyRequestContext) throws(APIError) -> BlobDigest {
        try digest(context.parameters.get("digest").flatMap { PercentEncoding.decoded($0[...]) } ?? "")
    }

    private static func digest(_ text: String) throws(APIError) -> BlobDigest {
        guard let digest = BlobDigest(text) else {
            throw APIError(
                status: 400, message: "Invalid digest: it must be 'sha256:' and 64 hexadecimal digits.", param: "digest", code: "invalid_value")
        }
        return digest
    }

    // MARK: Responses

    /// Returns Ollama's response to a change: nothing but the status.
    private static func done(_ ignored: ReportedNames) -> Response {
        var response = Response(status: .ok)
        response.reportIgnored(ignored)
        return response
    }

    /// Runs `work` and throws the refusals of the library as errors about a field.
    private static func refusing<Value>(_ field: String, _ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let refusal as ModelLibraryRefusal {
            let field = refusal.isOfFile ? "files" : field
            if refusal.isOfDisk { throw APIError.cannotStore("The change cannot be stored: \(refusal.description).") }
            throw APIError.invalid(field, refusal.description)
        }
    }
}

extension APIError {
    fileprivate static func invalid(_ field: String, _ reason: String) -> APIError {
        APIError(status: 400, message: "Invalid '\(field)': \(reason).", param: field, code: "invalid_value")
    }

    fileprivate static func missingBlob(_ digest: BlobDigest) -> APIError {
        APIError(status: 404, message: "blob \"\(digest)\" not found", param: "digest", code: "not_found")
    }

    fileprivate static let encodedUpload = APIError(status: 415, message: "An uploaded file must not have a Content-Encoding.")

    fileprivate init(_ error: BlobError) {
        let message = "The file cannot be uploaded: \(error.description)."
        self =
            switch error {
            case .wrongDigest: APIError(status: 400, message: message, param: "digest", code: "digest_mismatch")
            case .tooMany: .unavailable(message, code: "server_busy", retryAfter: 5)
            case .tooLarge: APIError(status: 413, message: message, param: "digest", code: "request_too_large")
            case .diskFull, .cannotWrite: .cannotStore(message)
            }
    }

    /// Returns the error for a change that the disk cannot take, which is not the client's mistake.
    fileprivate static func cannotStore(_ message: String) -> APIError {
        APIError(status: 507, message: message, type: "server_error", code: "insufficient_storage")
    }
}
