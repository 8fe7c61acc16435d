package import ShimmyJSON

/// The settings of an upstream: a server whose models Shimmy offers as its own.
package struct UpstreamSettings: Sendable, Equatable {
    /// The name of the upstream. It begins the ids of its models: `<name>/<id>`.
    package var name: String
    /// The address without `/v1`, such as `http://gpu-box:8000`; `unix:` and a path for a socket.
    package var url: String
    /// The program; nil to find out.
    package var kind: UpstreamKind?
    /// The dialect of requests for answers to conversations; nil for the default of the kind.
    package var dialect: UpstreamDialect?
    /// The key to send; nil for none. Never shown or logged.
    package var key: String?
    /// Names and patterns (`*`) of the models to offer; empty for all.
    package var models: [String] = []
    /// The text before the bare ids of its models; empty for none.
    package var prefix = ""
    /// Upstreams of a lower number come first; the others get the requests that those cannot take. A local model has the priority 0.
    package var priority = 1
    /// The upstream's share of the load beside replicas of the same priority.
    package var weight = 1.0
    /// The max seconds without any byte of an answer, after its first.
    package var idleSeconds = 120.0
    /// The max seconds until the first byte of an answer.
    package var firstByteSeconds = 600.0
    package var connectSeconds = 5.0
    /// The path of the health check; nil for that of the kind.
    package var healthPath: String?
    /// The seconds between two health checks.
    package var healthSeconds = 5.0
    /// The max seconds of a health check, and of each request that finds out the program.
    package var checkSeconds = UpstreamLimits.checkSeconds
    /// The max seconds of a list of models, and of counting tokens.
    package var shortSeconds = UpstreamLimits.shortSeconds
    /// The max requests at the same time; nil for no limit.
    package var maxConcurrency: Int?
    /// Headers to send with each request.
    package var headers: [Header] = []
    /// The path of a PEM file with the certificates to trust instead of the system's; nil for the system's.
    package var certificates: String?
    /// Fields to leave out of each request, and fields to add.
    package var droppedFields: [String] = []
    package var addedFields: JSONObject = [:]

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }
}
