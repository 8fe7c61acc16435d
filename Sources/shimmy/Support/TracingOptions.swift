import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyMetrics
import ShimmyServer
import ShimmyTracing

/// The options of the export of traces. OpenTelemetry's own variables have the same effect.
struct TracingOptions: ParsableArguments {
    @Option(help: .setting(.tracesEndpoint))
    var tracesEndpoint: String?

    @Option(help: .setting(.tracesHeader))
    var tracesHeader: [String] = []

    @Option(help: .setting(.tracesSampleRatio))
    var tracesSampleRatio: Double?

    @Option(help: .setting(.tracesServiceName))
    var tracesServiceName: String?

    func validate() throws {
        if let ratio = tracesSampleRatio, !(0...1).contains(ratio) {
            let setting = Setting.tracesSampleRatio
            throw ValidationError("\(setting.optionName) is \(ratio); it must be \(setting.kind.expectation).")
        }
    }

    /// Returns the maker of traces; nil if traces are off. Throws `ValidationError` if the settings are not valid.
    func tracer(_ metrics: MetricsRegistry, _ environment: Environment, _ logger: Logger) throws -> RequestTracer? {
        guard let settings = try settings(environment, logger) else { return nil }
        let queue = SpanQueue(capacity: settings.queueSize, full: settings.batchSize) { fate, count in
            metrics.count(ServerMetrics.traceSpans, by: count, ["result": fate.rawValue])
        }
        return RequestTracer(queue: queue, sampler: settings.sampler)
    }

    /// The max time that the end of the program waits for the collector.
    private static let lastExport: Duration = .seconds(3)

    /// Runs the server, and exports its traces and those of its libraries until it ends.
    func exporting(
        _ configuration: ServerConfiguration, _ environment: Environment, _ logger: Logger, _ serve: () async throws -> Void
    ) async throws {
        guard let tracer = configuration.tracer, let settings = try settings(environment, logger) else { return try await serve() }
        tracer.takeLibraries()
        let exporter = SpanExporter(tracer.queue, settings, version: BuildVersion.text, logger: logger)
        exporter.start()
        logger.info("traces are exported", metadata: ["endpoint": "\(settings.endpoint)"])
        do {
            try await serve()
        } catch {
            await exporter.stop(within: Self.lastExport)
            throw error
        }
        await exporter.stop(within: Self.lastExport)
    }

    private func settings(_ environment: Environment, _ logger: Logger) throws -> TraceSettings? {
        let own = own(environment)
        do {
            return try TraceSettings.read(own, environment: environment.values)
        } catch {
            // OpenTelemetry's variables are often set for all programs of a machine, so a mistake in them does not stop the server.
            guard own.endpoint == nil else { throw ValidationError(error.description) }
            logger.warning("traces are off", metadata: ["reason": "\(error.description)"])
            return nil
        }
    }

    /// Returns the settings of Shimmy itself. A variable of OpenTelemetry has priority over the configuration file.
    private func own(_ environment: Environment) -> TraceSettings.Own {
        func given(_ setting: Setting, unless variable: String) -> String? {
            environment.isOwn(setting.variable) || !environment.isOwn(variable) ? environment.given(setting) : nil
        }
        var own = TraceSettings.Own()
        own.endpoint = tracesEndpoint ?? given(.tracesEndpoint, unless: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        let headers = given(.tracesHeader, unless: "OTEL_EXPORTER_OTLP_TRACES_HEADERS")?.split(separator: ",").map(String.init)
        own.headers = tracesHeader.isEmpty ? headers ?? [] : tracesHeader
        own.ratio = tracesSampleRatio ?? given(.tracesSampleRatio, unless: "OTEL_TRACES_SAMPLER").flatMap { Double($0) }
        own.serviceName = tracesServiceName ?? environment.given(.tracesServiceName)
        return own
    }
}
