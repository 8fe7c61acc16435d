import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// `POST /v1/models/pull`, an API of Shimmy: downloads a model from the hub and reports the progress.
struct PullRoutes: Sendable {
    let models: ModelManager
    let hub: HubAccess
    let body: RequestReader
    let heartbeat: Duration

    var routes: [Route] {
        [Route(own: .post, "/models/pull", .write, access: .puller, handler: pull)]
    }

    /// Pulls a model. Errors that are known before the download starts, such as an unknown name or a full disk, set the status.
    @Sendable private func pull(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try PullRequest($0) }
        let address = try HubAddress(decoded.model)
        let plan = try await context.untilDisconnected { [hub] in
            try await hub.withPuller { try await $0.plan(address, memory: hub.memory) }
        }
        if decoded.stream { return stream(plan, context) }
        try await context.untilDisconnected { [hub] in try await hub.withPuller { try await $0.run(plan) { _ in } } }
        return .json(PullRequest.success(await name(of: plan)))
    }

    private func stream(_ plan: PlannedPull, _ context: ShimmyRequestContext) -> Response {
        .events(context) { writer in
            let run = PullRun(plan, from: hub, heartbeat: heartbeat)
            defer { run.cancel() }
            try await context.channel.onDisconnect({ run.cancel() }) {
                for await _ in run.news.wakes {
                    guard let news = run.news.take() else { continue }
                    try await writer.write(ByteBuffer(bytes: Self.bytes(news)))
                }
                try await run.finish()
                let end = ServerSentEvents.data(PullRequest.success(await name(of: plan))) + ServerSentEvents.done
                try await writer.write(ByteBuffer(bytes: end))
            }
        }
    }

    private static func bytes(_ news: NewestNews<PullProgress>.News) -> [UInt8] {
        switch news {
        case .value(let progress): ServerSentEvents.data(PullRequest.event(progress))
        case .life: ServerSentEvents.ping
        }
    }

    /// Returns the name of the pulled model, which is only known after a rescan of the disk.
    private func name(of plan: PlannedPull) async -> String {
        await models.rescan()
        return plan.name(among: await models.list())
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
