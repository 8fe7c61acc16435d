import ArgumentParser
import Foundation
import Logging
import ShimmyConfiguration
import ShimmyModels
import ShimmyUpstreams
import Synchronization

/// The upstream servers of the configuration file, and the fleet of this process.
final class ConfiguredUpstreams: Sendable {
    static let shared = ConfiguredUpstreams()

    private struct State {
        var fleet: UpstreamFleet?
        var client: UpstreamClient?
    }

    private let state = Mutex(State())

    /// How long a command waits for the answers of upstreams.
    private static let patience = Duration.seconds(3)

    // MARK: Settings

    /// Returns the upstreams of the current file. Throws `ValidationError` if the key of one is not where its table says.
    static func read(_ tables: [UpstreamTable] = ProcessConfiguration.shared.file?.upstreams ?? []) throws -> [UpstreamSettings] {
        try tables.map(settings)
    }

    /// Returns the text of an error of `read`.
    static func reason(_ error: any Error) -> String { (error as? ValidationError)?.message ?? "\(error)" }

    private static func settings(_ table: UpstreamTable) throws -> UpstreamSettings {
        var settings = UpstreamSettings(name: table.name, url: table.url ?? "")
        settings.kind = table.kind.flatMap { UpstreamKind(rawValue: $0) }
        settings.dialect = table.dialect.flatMap { UpstreamDialect(rawValue: $0) }
        if let obstacle = settings.kind.flatMap(settings.obstacle) {
            throw ValidationError("upstream.\"\(table.name)\" in shimmy.toml: \(obstacle).")
        }
        settings.key = try key(of: table)
        settings.models = table.models
        settings.prefix = table.prefix ?? settings.prefix
        settings.priority = table.priority ?? settings.priority
        settings.weight = table.weight ?? settings.weight
        settings.idleSeconds = table.idleSeconds ?? settings.idleSeconds
        settings.firstByteSeconds = table.firstByteSeconds ?? settings.firstByteSeconds
        settings.connectSeconds = table.connectSeconds ?? settings.connectSeconds
        settings.healthPath = table.healthPath
        settings.healthSeconds = table.healthSeconds ?? settings.healthSeconds
        settings.maxConcurrency = table.maxConcurrency
        settings.headers = table.headers.map { UpstreamSettings.Header(name: $0.name, value: $0.value) }
        settings.certificates = table.certificates
        (settings.droppedFields, settings.addedFields) = (table.droppedFields, table.addedFields)
        return settings
    }

    private static func key(of table: UpstreamTable) throws -> String? {
        switch table.key {
        case nil: return nil
        case .text(let text): return text
        case .variable(let name):
            let text = ProcessConfiguration.environment[name]?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            guard !text.isEmpty else {
                throw ValidationError("upstream.\"\(table.name)\" in shimmy.toml: the environment variable \(name) is not set to a key.")
            }
            return text
        }
    }

    // MARK: Fleet

    /// Starts the fleet of this process. It has no upstreams before `update`.
    /// - onChange: called after the list of models changed.
    @discardableResult
    func start(logger: Logger, onChange: @escaping @Sendable () -> Void = {}) -> UpstreamFleet {
        let client = UpstreamClient()
        let fleet = UpstreamFleet(maker: UpstreamMaker(client: client), logger: logger, onChange: onChange)
        state.withLock { $0 = State(fleet: fleet, client: client) }
        return fleet
    }

    var fleet: UpstreamFleet? { state.withLock { $0.fleet } }

    /// Ends the fleet. Requests that are running fail.
    func shutdown() async {
        let ended = state.withLock { state in
            defer { state = State() }
            return state
        }
        ended.fleet?.shutdown()
        await ended.client?.shutdown()
    }

    /// Asks the upstreams for their models, for a command that lists models. Does nothing without upstreams. If a key is missing in the environment
    /// of the command, prints that and asks none.
    func look() async {
        let settings: [UpstreamSettings]
        do {
            settings = try Self.read()
        } catch {
            return Console.log("Upstreams are not shown: \(Self.reason(error))")
        }
        if settings.isEmpty || fleet != nil { return }
        let started = start(logger: LogOptions.quiet)
        started.update(settings)
        await started.firstChecks(within: Self.patience)
    }

    // MARK: Models

    /// Makes the backend of a model of upstream servers; nil if no server has it any more.
    static let backend: ModelManager.UpstreamOf = { ConfiguredUpstreams.shared.fleet?.backend($0.key) }

    /// The records of the models that the upstreams have now.
    var records: [ModelRecord] { fleet?.catalog.offers.map { ModelRecord($0) } ?? [] }
}

extension ModelRecord {
    fileprivate init(_ offer: UpstreamOffer) {
        var reference = UpstreamReference(key: offer.id, servers: offer.replicas.map(\.upstream))
        reference.hasShortID = offer.hasShortID
        reference.abilities = offer.abilities
        reference.media = offer.media
        self.init(id: offer.id, upstream: reference, role: offer.role, contextLength: offer.contextLength, created: offer.created)
    }
}
