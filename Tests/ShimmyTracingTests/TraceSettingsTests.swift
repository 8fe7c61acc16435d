import ShimmyTracing
import Testing

/// The settings of the export, from Shimmy's own settings and from OpenTelemetry's variables.
@Suite struct TraceSettingsTests {
    private func read(_ environment: [String: String], _ change: (inout TraceSettings.Own) -> Void = { _ in }) throws -> TraceSettings? {
        var own = TraceSettings.Own()
        change(&own)
        return try TraceSettings.read(own, environment: environment)
    }

    private static let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"]

    @Test func tracesAreOffByDefault() throws {
        #expect(try read([:]) == nil)
        #expect(try read(["OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_ENDPOINT": " "]) == nil)
        #expect(try read(Self.endpoint.merging(["OTEL_SDK_DISABLED": "TRUE"]) { $1 }) == nil)
        #expect(try read(Self.endpoint.merging(["OTEL_TRACES_EXPORTER": "none"]) { $1 }) == nil)
    }

    @Test func theEndpoint() throws {
        #expect(try read(Self.endpoint)?.endpoint == "http://collector:4318/v1/traces")
        #expect(try read(["OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/base/"])?.endpoint == "https://c/base/v1/traces")
        let specific = Self.endpoint.merging(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other/x"]) { $1 }
        #expect(try read(specific)?.endpoint == "http://other/x")
        #expect(try read(specific) { $0.endpoint = "http://own" }?.endpoint == "http://own/v1/traces")
        #expect(try read([:]) { $0.endpoint = "http://own/v1/traces" }?.endpoint == "http://own/v1/traces")
    }

    @Test(arguments: [
        "collector:4318", "ftp://c", "http://", "http://:1", "http:///v1", "http://a b", "http://user:pw@c", "http://c?key=1", "http://é",
    ])
    func aBadEndpointIsRefusedWithItsName(endpoint: String) {
        let error = #expect(throws: TraceSettingsError.self) { try read(["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint]) }
        #expect(error?.description.hasPrefix("OTEL_EXPORTER_OTLP_ENDPOINT ") == true && error?.description.contains("pw") == false)
    }

    @Test func theHeaders() throws {
        var variables = Self.endpoint
        variables["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=Bearer%20abc, x-tenant = lab%2F1 ,,odd=100%"
        let headers = try read(variables)?.headers.map { "\($0.name): \($0.value)" }
        #expect(headers == ["authorization: Bearer abc", "x-tenant: lab/1", "odd: 100%"])
        #expect(try read(variables) { $0.headers = ["key=a=b%20"] }?.headers.map(\.value) == ["a=b%20"])
    }

    @Test(arguments: ["nothing", "a b=1", "=1", "a=1%0d%0ax:y", "a=é", "é=1"]) func aBadHeaderIsRefusedWithoutItsText(text: String) {
        let error = #expect(throws: TraceSettingsError.self) {
            try read(Self.endpoint.merging(["OTEL_EXPORTER_OTLP_HEADERS": text]) { $1 })
        }
        #expect(error?.description.contains(text) == false)
    }

    @Test func theNameOfTheService() throws {
        #expect(try read(Self.endpoint)?.serviceName == "shimmy")
        var variables = Self.endpoint
        variables["OTEL_RESOURCE_ATTRIBUTES"] = "service.name=lab,region=a%20b,broken,=1"
        #expect(try read(variables)?.serviceName == "lab")
        #expect(
            try read(variables)?.resource(version: "1")
                == [TraceAttribute("service.name", "lab"), TraceAttribute("service.version", "1"), TraceAttribute("region", "a b")])
        variables["OTEL_SERVICE_NAME"] = "named"
        #expect(try read(variables)?.serviceName == "named")
        #expect(try read(variables) { $0.serviceName = "own" }?.serviceName == "own")
    }

    @Test func theSampler() throws {
        func sampler(_ name: String?, _ argument: String? = nil) throws -> TraceSampler? {
            var variables = Self.endpoint
            variables["OTEL_TRACES_SAMPLER"] = name
            variables["OTEL_TRACES_SAMPLER_ARG"] = argument
            return try read(variables)?.sampler
        }
        #expect(try sampler(nil) == TraceSampler())
        #expect(try sampler("parentbased_traceidratio", "0.25") == TraceSampler(.ratio(0.25)))
        #expect(try sampler("traceidratio") == TraceSampler(.ratio(1), followsParent: false))
        #expect(try sampler("always_off") == TraceSampler(.never, followsParent: false))
        #expect(throws: TraceSettingsError.self) { try sampler("jaeger_remote") }
        for argument in ["2", "-1", "nan", "x"] { #expect(throws: TraceSettingsError.self) { try sampler("traceidratio", argument) } }
    }

    @Test func otherProtocolsAreRefused() throws {
        for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] {
            #expect(throws: TraceSettingsError.self) { try read(Self.endpoint.merging([name: "grpc"]) { $1 }) }
        }
        // The specific variable decides.
        let both = ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"]
        #expect(try read(Self.endpoint.merging(both) { $1 }) != nil)
    }

    @Test func theBounds() throws {
        var variables = Self.endpoint
        variables["OTEL_BSP_MAX_QUEUE_SIZE"] = "10"
        variables["OTEL_EXPORTER_OTLP_TIMEOUT"] = "250"
        let settings = try #require(try read(variables))
        #expect(settings.queueSize == 10 && settings.batchSize == 10 && settings.timeout == .milliseconds(250))
        for text in ["0", "-1", "99999999999999999999", "x"] {
            #expect(throws: TraceSettingsError.self) { try read(Self.endpoint.merging(["OTEL_BSP_MAX_QUEUE_SIZE": text]) { $1 }) }
        }
    }
}
