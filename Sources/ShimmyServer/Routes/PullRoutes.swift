import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyHub
import ShimmyJSON
import ShimmyModels

/// `POST /v1/models/pull`, Shimmy's own: fetches a model from the hub and tells how far it is.
struct PullRoutes: Sendable {
    let models: ModelManager
    let hub: HubAccess
    let body: JSONBodyReader

    var routes: [Route] {
        ["", "/v1"].map { Route(path: $0 + "/models/pull", method: .post, isOpenAI: false, handler: pull) }
    }

    /// What can be known before the first byte comes is told by a status: a name that leads nowhere, a disk without room.
    @Sendable private func pull(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try PullRequest(try await body.read(request))
        let address = try HubAddress(decoded.model)
        let plan = try await context.untilDisconnected { [hub] in
            try await hub.withPuller { try await $0.plan(address, memory: hub.memory) }
        }
        if decoded.stream { return stream(plan, context) }
        try await context.untilDisconnected { [hub] in try await hub.withPuller { try await $0.run(plan) { _ in } } }
        await models.rescan()
        return .json(PullRequest.success(plan.name))
    }

    private func stream(_ plan: PlannedPull, _ context: ShimmyRequestContext) -> Response {
        Response(
            status: .ok, headers: Response.streamHeaders,
            body: ResponseBody { [hub, models] writer in
                let (progress, told) = AsyncStream.makeStream(of: PullProgress.self, bufferingPolicy: .bufferingNewest(1))
                let work = Task {
                    defer { told.finish() }
                    try await hub.withPuller { try await $0.run(plan) { told.yield($0) } }
                }
                try await context.channel.onDisconnect({ work.cancel() }) {
                    do {
                        for await progress in progress {
                            try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(PullRequest.event(progress))))
                        }
                        try await work.value
                        await models.rescan()
                        let end = ServerSentEvents.data(PullRequest.success(plan.name)) + ServerSentEvents.done
                        try await writer.write(ByteBuffer(bytes: end))
                    } catch let error as HubError {
                        try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(APIError(any: error).json)))
                    } catch {
                        work.cancel()
                        throw error
                    }
                }
                try await writer.finish(nil)
            })
    }
}

extension PullRequest {
    static func event(_ progress: PullProgress) -> JSON {
        [
            "status": .string(progress.stage.rawValue), "file": .string(progress.file), "completed": .int(progress.doneBytes),
            "total": .int(progress.totalBytes),
        ]
    }

    static func success(_ model: String) -> JSON { ["status": "success", "model": .string(model)] }
}

extension APIError {
    init(_ error: HubError) {
        let message = "The model cannot be pulled: \(error.description)."
        func refusal(_ status: Int, _ code: String) -> APIError { APIError(status: status, message: message, param: "model", code: code) }
        self =
            switch error {
            case .badAddress: refusal(400, "invalid_value")
            case .notFound, .noModel, .noQuantization: refusal(404, "model_not_found")
            case .unauthorized: refusal(403, "hub_unauthorized")
            case .busy: refusal(409, "pull_in_progress")
            case .rateLimited(let seconds):
                APIError(status: 429, message: message, type: "rate_limit_error", code: "hub_rate_limited", retryAfter: seconds)
            case .tooLarge: refusal(507, "insufficient_memory")
            case .diskFull, .cannotWrite: APIError(status: 507, message: message, type: "server_error", code: "insufficient_storage")
            case .offline: APIError(status: 503, message: message, type: "server_error", code: "offline")
            case .unexpectedStatus, .unreadable, .wrongHash, .interrupted:
                APIError(status: 502, message: message, type: "server_error", code: "pull_failed")
            }
    }
}
