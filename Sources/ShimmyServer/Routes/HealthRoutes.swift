import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels

/// Routes for probes and people: whether the server is up and ready, and a summary of its engines.
struct HealthRoutes: Sendable {
    let models: ModelManager
    let use: ServerUse
    /// The port for clients of Ollama; nil for none.
    let ollamaPort: Int?
    /// The page in a browser; nil if it is turned off.
    let page: EmbeddedPage?

    var routes: [Route] {
        [
            Route(own: .get, "/ready", .read, access: .probe) { _, _ in self.ready() },
            Route(own: .get, "/health", .read, access: .probe) { _, _ in self.health() },
            Route(own: .get, "/", .read, prefixes: .none, access: .open) { request, context in
                if let document = try page?.document(for: request) { return document }
                // Scripts recognize Ollama by this text.
                let isOllamas = ollamaPort != nil && context.channel.localAddress?.port == ollamaPort
                return Response(
                    status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .vary: "Accept"],
                    body: .init(byteBuffer: ByteBuffer(string: "\(isOllamas ? "Ollama" : "Shimmy") is running")))
            },
        ]
    }

    /// Returns 200 while the server accepts requests and does not load the models that it loads at startup; otherwise 503 with the reason.
    private func ready() -> Response {
        if models.isShuttingDown || use.isDraining { return notReady(["ready": false, "draining": true], seconds: 5) }
        guard models.isPreloading else { return .json(["ready": true]) }
        let loading = models.statuses.first { $0.stage == .loading }
        let progress = loading.map { status -> JSON in ["model": .string(status.id), "progress": .double(status.progress)] }
        return notReady(["ready": false, "loading": progress ?? .null], seconds: 1)
    }

    private func notReady(_ body: JSON, seconds: Int) -> Response {
        var response = Response.json(body, status: .serviceUnavailable)
        response.headers[.retryAfterName] = "\(seconds)"
        return response
    }

    /// Returns the server's health. "ready" means that a request is not refused and does not wait for a model that is loading.
    private func health() -> Response {
        let total = models.loaded.map(\.backend.engine.statistics).reduce(into: EngineStatistics()) { sum, one in
            sum.running += one.running
            sum.waiting += one.waiting
            sum.cellsUsed += one.cellsUsed
            sum.cellsTotal += one.cellsTotal
            sum.steps += one.steps
            sum.tokensComputed += one.tokensComputed
        }
        let stopping = models.isShuttingDown || use.isDraining
        return .json(
            [
                "status": stopping ? "shutting_down" : "ok",
                "ready": .bool(!stopping && !models.isLoading),
                "models_loaded": .int(models.loaded.count),
                "engine": [
                    "running": .int(total.running), "waiting": .int(total.waiting), "cells_used": .int(total.cellsUsed),
                    "cells_total": .int(total.cellsTotal), "steps": .int(total.steps), "tokens_computed": .int(total.tokensComputed),
                ],
            ], status: stopping ? .serviceUnavailable : .ok)
    }
}
