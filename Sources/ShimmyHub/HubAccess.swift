/// Everything that a pull needs to know of this machine: where the hub is, who asks it, where models go.
package struct HubAccess: Sendable {
    package let endpoint: HubEndpoint
    /// Seconds without a byte after which a connection is given up.
    package let stall: Double
    package let directory: String
    /// Bytes of memory that a model may take, for the choice of a quantization.
    package let memory: Int

    package init(endpoint: HubEndpoint, stall: Double = 30, directory: String, memory: Int) {
        self.endpoint = endpoint
        self.stall = stall
        self.directory = directory
        self.memory = memory
    }

    /// Connections live as long as `body` runs: pulls are rare, and an idle server holds none.
    package func withPuller<Result>(_ body: (ModelPuller) async throws -> Result) async throws -> Result {
        try await HubClient.withHTTP(endpoint: endpoint, stall: stall) { try await body(ModelPuller(client: $0, directory: directory)) }
    }
}
