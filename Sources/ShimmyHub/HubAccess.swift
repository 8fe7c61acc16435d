/// The settings of a pull on this machine: the hub's address, the user's token and the model directory.
package struct HubAccess: Sendable {
    package let endpoint: HubEndpoint
    /// Seconds without received bytes after which a connection is closed.
    package let stall: Double
    package let directory: String
    /// Max bytes of memory that a model may take, for the choice of a quantization.
    package let memory: Int
    /// The pulls of this process that run.
    private let running = RunningPulls()

    /// The pulls that are not complete.
    package var unfinished: UnfinishedPulls { UnfinishedPulls(directory: directory, running: running) }

    package init(endpoint: HubEndpoint, stall: Double = 30, directory: String, memory: Int) {
        self.endpoint = endpoint
        self.stall = stall
        self.directory = directory
        self.memory = memory
    }

    /// Runs `body` with a puller whose connections are closed afterwards. Pulls are rare, and an idle server keeps no connections.
    package func withPuller<Result>(_ body: (ModelPuller) async throws -> Result) async throws -> Result {
        try await HubClient.withHTTP(endpoint: endpoint, stall: stall) { client in
            try await body(ModelPuller(client: client, directory: directory, running: running))
        }
    }
}
