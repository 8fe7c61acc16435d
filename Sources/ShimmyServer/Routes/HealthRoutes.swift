import HTTPTypes
import Hummingbird
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels

/// For probes and for people: is it there, is it ready, what is it doing.
struct HealthRoutes: Sendable {
    let models: ModelManager

    /// Of probes, which are answered whoever asks and however much there is to do.
    static let paths: Set<String> = ["/health", "/v1/health", "/ready"]

    var routes: [Route] {
        [
            Route(path: "/ready", method: .get, isOpenAI: false) { _, _ in self.ready() },
            Route(path: "/health", method: .get, isOpenAI: false) { _, _ in self.health() },
            Route(path: "/v1/health", method: .get, isOpenAI: false) { _, _ in self.health() },
            Route(path: "/", method: .get, isOpenAI: false) { _, _ in
                Response(
                    status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
                    body: .init(byteBuffer: ByteBuffer(string: "Shimmy is running")))
            },
        ]
    }

    /// 200 while requests are served, 503 from when the server is told to stop.
    private func ready() -> Response {
        let isReady = !models.isShuttingDown
        return .json(["ready": .bool(isReady)], status: isReady ? .ok : .serviceUnavailable)
    }

    /// Ready means that a request would be served without waiting for a model that is being loaded, and is not refused.
    private func health() -> Response {
        let total = models.loaded.map(\.backend.statistics).reduce(into: EngineStatistics()) { sum, one in
            sum.running += one.running
            sum.waiting += one.waiting
            sum.cellsUsed += one.cellsUsed
            sum.cellsTotal += one.cellsTotal
            sum.steps += one.steps
            sum.tokensComputed += one.tokensComputed
        }
        let stopping = models.isShuttingDown
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
