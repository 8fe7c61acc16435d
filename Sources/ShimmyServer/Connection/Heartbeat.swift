/// Calls an action at intervals until it is stopped, so that a stream without news still shows that it lives.
struct Heartbeat: Sendable {
    private let task: Task<Void, Never>

    init(every interval: Duration, _ action: @escaping @Sendable () -> Void) {
        task = Task {
            while (try? await Task.sleep(for: interval)) != nil { action() }
        }
    }

    func stop() { task.cancel() }
}
