import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyService
import ShimmyUpstreams

/// `GET /admin/events`: a stream of snapshots of the server, for those who watch it. A snapshot is made once a second for all listeners, and only
/// while there are any.
struct LiveRoutes: Sendable {
    let engine: EngineRoutes
    let history: RequestHistory
    /// The upstream servers; nil for none.
    let fleet: UpstreamFleet?
    private let listeners = ListenerCount()
    private let snapshot = SharedMeasurement<JSONObject>(interval: .milliseconds(900))

    /// The max number of streams at the same time.
    static let mostListeners = 16
    /// The max value of `limit`.
    private static let mostEvents = 1_000_000
    /// The time between two snapshots.
    private static let interval = Duration.seconds(1)

    init(engine: EngineRoutes, history: RequestHistory, fleet: UpstreamFleet?) {
        self.engine = engine
        self.history = history
        self.fleet = fleet
    }

    var routes: [Route] {
        [Route(own: .get, "/admin/events", .read, prefixes: .none, access: .admin) { request, context in try events(request, context) }]
    }

    private func events(_ request: Request, _ context: ShimmyRequestContext) throws -> Response {
        let query = request.query
        try query.check(["limit"])
        let limit = try query.integer("limit", in: 1...Self.mostEvents)
        guard let place = listeners.enter(atMost: Self.mostListeners) else {
            throw APIError.busy("\(Self.mostListeners) clients read its events already")
        }
        return .events(context, .named) { writer in
            defer { withExtendedLifetime(place) {} }
            let isGone = Signal()
            try await context.channel.onDisconnect({ isGone.fire() }) {
                var (last, count) = (history.lastNumber, 0)
                while !isGone.hasFired, !engine.use.isDraining, await mayListen(context) {
                    let event = await self.event(after: &last)
                    try await writer.write(ByteBuffer(bytes: StreamFraming.named.frame(event)))
                    count += 1
                    if count == limit { break }
                    try await Task.sleep(for: Self.interval)
                }
            }
        }
    }

    /// Returns whether the listener's key still allows the route: a stream can outlive the key.
    private func mayListen(_ context: ShimmyRequestContext) async -> Bool {
        guard let hash = context.keyHash else { return await !engine.access.requiresKey() }
        guard let holder = try? await engine.access.holder(of: hash) else { return false }
        return holder.key.map { $0.role == .admin && $0.obstacle(at: Date()) == nil } ?? true
    }

    /// Returns the next event.
    /// - last: the number of the newest request that the listener knows.
    private func event(after last: inout Int) async -> JSON {
        var object = await snapshot.value { await self.take() } ?? [:]
        let (records, missed) = history.since(last)
        last = records.last?.number ?? last
        object["requests"] = .array(records.map(\.json))
        object["missed_requests"] = .int(missed)
        return .object(object)
    }

    private func take() async -> JSONObject {
        let state = await engine.state(isDetailed: true)
        // The summaries arrive after the current step of each engine, and are in the next snapshot.
        for status in engine.service.models.statuses { status.backend?.engine.summarizeCells() }
        let process = try? await WorkerPool.files.run { _ in ProcessFigures() }
        return [
            "type": "snapshot", "time": .double((Date().timeIntervalSince1970 * 1000).rounded() / 1000), "engine": state,
            "upstreams": .array((fleet?.statuses ?? []).map(\.json)),
            "process": [
                "cpu_seconds": process.map { .double($0.processorSeconds) } ?? .null,
                "resident_bytes": process?.residentBytes.map(JSON.int) ?? .null, "started": .int(ProcessFigures.started),
            ],
        ]
    }
}
