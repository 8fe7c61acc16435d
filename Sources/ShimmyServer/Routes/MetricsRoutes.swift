import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyCore
import ShimmyMetrics
import ShimmyModels
import ShimmyStorage
import ShimmyUpstreams

/// `GET /metrics`: metrics in Prometheus' text formats.
struct MetricsRoutes: Sendable {
    let models: ModelManager
    let use: ServerUse
    /// The storage; nil if the server stores nothing.
    let store: Store?
    let registry: MetricsRegistry
    /// Whether the metrics have their names of other servers, too.
    let hasAliases: Bool
    /// The version of this program.
    let version: String
    /// The upstream servers; nil for none.
    let fleet: UpstreamFleet?

    var routes: [Route] {
        [Route(own: .get, "/metrics", .read, prefixes: .none, access: .admin) { request, _ in try await metrics(request) }]
    }

    private func metrics(_ request: Request) async throws -> Response {
        let format = MetricsFormat(accept: request.headers[.accept])
        let collected = try await collected()
        // Many models make a long text.
        let text = try await WorkerPool.input.run { [registry, hasAliases] _ in
            var families = collected.completing(registry.families)
            if hasAliases { families += MetricAliases.families(of: families) }
            return format.text(families)
        }
        return Response(
            status: .ok, headers: [.contentType: format.contentType, .cacheControl: "no-store"], body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    private func collected() async throws -> CollectedMetrics {
        var collected = CollectedMetrics()
        collected.add(models)
        collected.add(use)
        collected.add(fleet?.statuses ?? [])
        if let store { collected.add(storageBytes: try? await store.usedBytes(), limit: store.limits.bytes) }
        collected.add(try await WorkerPool.files.run { _ in ProcessFigures() }, version: version)
        return collected
    }
}
