/// Calls an action at intervals until it is stopped, so that the client of an idle stream can see that the stream is alive.
struct Heartbeat: Sendable {
    private let task: Task<Void, Never>

    init(every interval: Duration, _ action: @escaping @Sendable () -> Void) {
        task = Task {
            while (try? await Task.sleep(for: interval)) != nil { action() }
        }
    }

    func stop() { task.cancel() }
}
