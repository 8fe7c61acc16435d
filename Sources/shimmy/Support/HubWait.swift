import ShimmyHub

/// Tells the user that a command waits for the hub, which may be slow or unreachable.
enum HubWait {
    /// The time after which a user wonders whether the command works.
    private static let patience = Duration.seconds(1)

    /// Runs `body`, and says that the hub has not answered yet if it takes long.
    static func telling<Result>(_ body: () async throws -> Result) async throws -> Result {
        let host = HubAccess.standard(memory: 0).endpoint.url
        let note = Task {
            try await Task.sleep(for: patience)
            Console.log("waiting for \(host) …")
        }
        defer { note.cancel() }
        return try await body()
    }
}
