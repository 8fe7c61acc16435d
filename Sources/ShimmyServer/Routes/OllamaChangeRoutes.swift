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

    /// The beginning of the paths at which files are uploaded.
    static let uploads = "/api/blobs/"
    /// The bytes of an uploaded file that are written at once.
    private static let pieceBytes = 1 << 20

    var routes: [Route] {
        [
            Route(.post, "/api/create", .write, api: .ollama, handler: create),
            Route(.post, "/api/copy", .write, api: .ollama, handler: copy),
            Route(.delete, "/api/delete", .write, api: .ollama, handler: delete),
            Route(.head, "/api/blobs/{digest}", .read, api: .ollama, handler: find),
            Route(.post, "/api/blobs/{digest}", .write, api: .ollama, handler: upload),
        ]
    }

    // MARK: Names

    @Sendable private func copy(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaCopyRequest($0) }
        let record = try await models.find(decoded.source)
        let all = await models.list()
        try await Self.refusing("destination") { try await library.addAlias(decoded.destination, of: record, among: all) }
        await models.rescan()
        return Self.done(decoded.ignoredParameters)
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try OllamaModelRequest(delete: $0) }
        let record = try await models.find(decoded.model)
        let all = await models.list()
        try await Self.refusing("model") {
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
        try Self.check(hints)
        var model = CreatedModel(
            name: decoded.model, base: "", hints: hints, template: decoded.template, license: decoded.license, created: UnixTime.now)
        // Everything that can be refused is refused before an uploaded file becomes a model.
        do {
            try CreatedModelFile.check(model)
        } catch {
            throw APIError.invalid("model", error.description)
        }
        let base = try await base(of: decoded)
        model.base = base.id
        model.template = nil
        if !decoded.template.isEmpty {
            if try await library.isTemplate(decoded.template) {
                model.template = decoded.template
            } else {
                decoded.ignoredParameters.append("template")
            }
        }
        if decoded.hasNoSettings, base.id != decoded.model, base.creation == nil {
            try await addAlias(decoded.model, of: base)
        } else if !decoded.hasNoSettings || base.id != decoded.model {
            try await add(model, on: base)
        }
        await models.rescan()
        // The context or the template of a model that was replaced may have changed.
        await models.applySettings()
        var response = decoded.stream ? Response.lines([OllamaProgress.reading, OllamaProgress.success]) : .json(OllamaProgress.success)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    /// Returns the model with the weights. An uploaded file becomes a model of its own first.
    private func base(of request: OllamaCreateRequest) async throws -> ModelRecord {
        switch request.source {
        case .model(let name): return try await models.findUsable(name)
        case .file(let text):
            let digest = try Self.digest(text)
            guard let file = try await blobs.path(of: digest) else { throw APIError.missingBlob(digest) }
            // With settings, the created model has the name, and its weights another one.
            let name = request.fileName + (request.hasNoSettings ? "" : "-weights")
            let path = try await Self.refusing("files") { try await library.add(file: file, as: name) }
            await models.rescan()
            guard let record = await models.list().found(at: path) else { throw APIError.internal("The new model was not found.") }
            return record
        }
    }

    private func addAlias(_ name: String, of record: ModelRecord) async throws {
        let all = await models.list()
        try await Self.refusing("model") { try await library.addAlias(name, of: record, among: all) }
    }

    private func add(_ model: CreatedModel, on base: ModelRecord) async throws {
        var model = model
        if let creation = base.creation {
            model = model.over(creation)
        } else if let root = base.base {
            throw APIError.invalid("from", "\(base.id) is itself based on \(root) in shimmy.toml; use \(root)")
        }
        let (created, all) = (model, await models.list())
        try await Self.refusing("model") { try await library.create(created, among: all) }
    }

    /// Throws a 400 if a parameter does not have an allowed value.
    private static func check(_ hints: ModelHints) throws(APIError) {
        guard var problem = RequestPreset.problem(hints.defaults) else { return }
        problem.param = problem.param.map { "parameters.\($0)" }
        throw problem
    }

    // MARK: Files

    /// Returns whether a file was uploaded. The response to HEAD has no body, so an error is only a status.
    @Sendable private func find(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        guard let digest = try? Self.digest(context) else { return Response(status: .badRequest) }
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
        } catch is HTTPParserError {
            throw APIError.notHTTP
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
            case .diskFull, .cannotWrite: APIError(status: 507, message: message, type: "server_error", code: "insufficient_storage")
            }
    }
}
