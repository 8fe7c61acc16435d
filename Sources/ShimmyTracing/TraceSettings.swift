/// The export of traces: the collector, the name of this program, and the part of the traces that is recorded.
package struct TraceSettings: Sendable, Equatable {
    /// The settings of Shimmy itself, which have priority over OpenTelemetry's variables.
    package struct Own: Sendable {
        /// The address of the collector, with or without the path of traces.
        package var endpoint: String?
        /// Headers as `NAME=VALUE`.
        package var headers: [String] = []
        package var serviceName: String?
        /// The part of the traces that begin here that is recorded, from 0 to 1.
        package var ratio: Double?

        package init() {}
    }

    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// The address that spans are sent to.
    package var endpoint: String
    package var headers: [Header] = []
    package var serviceName = "shimmy"
    /// Further properties of this program, which all spans share.
    package var resource: [TraceAttribute] = []
    package var sampler = TraceSampler()
    /// The max time of one export.
    package var timeout: Duration = .seconds(10)
    /// The time between exports while few spans arrive.
    package var delay: Duration = .seconds(1)
    /// The max number of spans that wait for their export.
    package var queueSize = 2048
    /// The max number of spans of one export.
    package var batchSize = 512

    package init(endpoint: String) { self.endpoint = endpoint }

    /// Reads the settings; nil if traces are off, which is the default.
    /// - environment: all variables. Those of OpenTelemetry have the meaning of its specification, in the pages `protocol/exporter` and
    ///   `configuration/sdk-environment-variables` of https://opentelemetry.io/docs/specs/otel/.
    package static func read(_ own: Own, environment: [String: String]) throws(TraceSettingsError) -> TraceSettings? {
        let variables = TraceVariables(environment)
        if variables["OTEL_SDK_DISABLED"]?.lowercased() == "true" || variables["OTEL_TRACES_EXPORTER"] == "none" { return nil }
        guard let endpoint = try address(own, variables) else { return nil }
        var settings = TraceSettings(endpoint: endpoint)
        try variables.require("OTEL_TRACES_EXPORTER", "otlp")
        let isGeneral = variables["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == nil
        try variables.require("OTEL_EXPORTER_OTLP_\(isGeneral ? "" : "TRACES_")PROTOCOL", "http/protobuf")
        if own.headers.isEmpty {
            let specific = try variables.headers("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
            let general = try variables.headers("OTEL_EXPORTER_OTLP_HEADERS")
            settings.headers = specific ?? general ?? []
        } else {
            for text in own.headers { settings.headers.append(try TraceVariables.header(Substring(text), in: "traces_header")) }
        }
        settings.resource = variables.resource
        let given = settings.resource.first { $0.name == "service.name" }?.value
        settings.resource.removeAll { $0.name == "service.name" }
        if let name = own.serviceName ?? variables["OTEL_SERVICE_NAME"] {
            settings.serviceName = name
        } else if case .text(let name)? = given {
            settings.serviceName = name
        }
        settings.sampler = try sampler(own, variables)
        try settings.takeBounds(variables)
        return settings
    }

    private mutating func takeBounds(_ variables: TraceVariables) throws(TraceSettingsError) {
        if let time = try variables.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT") { timeout = time }
        if let time = try variables.milliseconds("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") { timeout = time }
        if let time = try variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY") { delay = time }
        if let size = try variables.integer("OTEL_BSP_MAX_QUEUE_SIZE", 1...100_000) { queueSize = size }
        if let size = try variables.integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1...10_000) { batchSize = size }
        batchSize = min(batchSize, queueSize)
    }

    /// The properties of this program that all spans share.
    package func resource(version: String) -> [TraceAttribute] {
        let own = [TraceAttribute("service.name", serviceName), TraceAttribute("service.version", version)]
        return own + resource.filter { given in !own.contains { $0.name == given.name } }
    }

    private static func address(_ own: Own, _ variables: TraceVariables) throws(TraceSettingsError) -> String? {
        if let base = own.endpoint { return withPath(try checked(base, "traces_endpoint")) }
        let (name, general) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        if let whole = variables[name] { return try checked(whole, name) }
        guard let base = variables[general] else { return nil }
        return withPath(try checked(base, general))
    }

    private static func withPath(_ base: String) -> String {
        if base.hasSuffix("/v1/traces") { return base }
        return base + (base.hasSuffix("/") ? "v1/traces" : "/v1/traces")
    }

    private static let longestEndpoint = 2048

    /// Returns an address if it is one of HTTP without credentials, which the log would show.
    private static func checked(_ text: String, _ name: String) throws(TraceSettingsError) -> String {
        let lowered = text.lowercased()
        let scheme = ["http://", "https://"].first { lowered.hasPrefix($0) }
        let authority = text.dropFirst(scheme?.count ?? 0).prefix { $0 != "/" }
        let isVisible = text.utf8.count <= longestEndpoint && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard scheme != nil, !authority.isEmpty, authority.first != ":", isVisible else {
            throw TraceSettingsError("\(name) is not the address of a collector; it must be an HTTP URL such as http://localhost:4318.")
        }
        if text.contains(where: { "@?#".contains($0) }) {
            throw TraceSettingsError("\(name) contains a user name, a password, a query or a fragment; use headers for credentials.")
        }
        return text
    }

    private static func sampler(_ own: Own, _ variables: TraceVariables) throws(TraceSettingsError) -> TraceSampler {
        if let ratio = own.ratio { return TraceSampler(.ratio(ratio)) }
        let given = try variables.ratio("OTEL_TRACES_SAMPLER_ARG")
        guard let name = variables["OTEL_TRACES_SAMPLER"] else { return TraceSampler() }
        guard let sampler = TraceSampler(name: name, ratio: given ?? 1) else {
            throw TraceSettingsError(
                "OTEL_TRACES_SAMPLER is not a known sampler; it must be always_on, always_off, traceidratio, parentbased_always_on, "
                    + "parentbased_always_off or parentbased_traceidratio.")
        }
        return sampler
    }
}

/// The reason why traces cannot be exported as configured. It contains no header.
package struct TraceSettingsError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
