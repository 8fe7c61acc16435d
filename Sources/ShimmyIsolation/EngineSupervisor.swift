package import Logging
import ShimmyChat
package import ShimmyEngine
import Synchronization

/// The supervisor of a model's child process: it starts the process, starts it again after a crash, and gives it to requests.
/// `EngineSupervision` makes the decisions.
package final class EngineSupervisor: Sendable {
    /// How long a process that is to end may take to do so.
    private static let patience = Duration.seconds(6)

    private struct State {
        var supervision: EngineSupervision
        /// The process of the last start.
        var run: EngineRun?
        /// The last statistics that this process reported, and when they came.
        var statistics: (value: EngineStatistics, time: Double)?
        /// The caller that waits for the first start, and the function that gets its progress; nil afterwards.
        var first: (answer: CheckedContinuation<EngineFacts, any Error>, tell: @Sendable (Double) -> Bool)?
        var waiters: [Int: CheckedContinuation<EngineRun, any Error>] = [:]
        var lastWaiter = 0
        var lastReason = ""
    }

    package let model: String
    private let order: EngineOrder
    private let launcher: EngineLauncher
    private let log: EngineLog
    private let logLevel: @Sendable () -> Logger.Level
    private let now: @Sendable () -> Double
    private let state: Mutex<State>

    /// - logLevel: returns the current level of the log, for the next start.
    /// - now: returns the seconds of a monotonic clock.
    package init(
        _ order: EngineOrder, terms: EngineSupervision.Terms = EngineSupervision.Terms(), logger: Logger,
        logLevel: @escaping @Sendable () -> Logger.Level = { .notice }, now: @escaping @Sendable () -> Double,
        launcher: @escaping EngineLauncher
    ) {
        model = order.model
        self.order = order
        self.launcher = launcher
        self.logLevel = logLevel
        self.now = now
        log = EngineLog(model: order.model, logger: logger)
        state = Mutex(State(supervision: EngineSupervision(terms: terms)))
    }

    deinit { state.withLock { $0.run }?.release() }

    package var isStopped: Bool { state.withLock { $0.supervision.phase == .stopped } }

    /// The last statistics of the running process, with their age; nil before its first report and after its end.
    package var statistics: EngineStatistics? {
        state.withLock { state in
            guard let (value, time) = state.statistics else { return nil }
            var statistics = value
            statistics.age = max(0, now() - time)
            return statistics
        }
    }

    // MARK: The first start

    /// Starts the process and returns when its model is loaded. Throws an `EngineProcessFailure` if it cannot be. Called once.
    /// - progress: gets the progress of the load, and returns whether the load is still wanted.
    package func start(progress: @escaping @Sendable (Double) -> Bool) async throws -> EngineFacts {
        try await withCheckedThrowingContinuation { answer in
            state.withLock { $0.first = (answer, progress) }
            launch()
        }
    }

    private func launch() {
        Task { [self] in
            var launched: EngineRun?
            do {
                let run = try EngineRun()
                launched = run
                state.withLock { ($0.run, $0.statistics) = (run, nil) }
                let sent = order(for: run)
                let child = try await onOwnThread(named: "engine start") { [self] in
                    try launcher(sent) { [weak self] event in self?.take(event, of: run) }
                }
                run.note(child)
                // A stop in the meantime found no process.
                if isStopped { await run.stop(within: Self.patience) }
            } catch {
                ended(launched, .notStarted("\(error)"))
            }
        }
    }

    private func order(for run: EngineRun) -> EngineOrder {
        var order = order
        (order.socket, order.secret) = (run.socket, run.secret)
        // At the level `info`, the log of this process already has the lines of each request and each load.
        let level = logLevel()
        order.logLevel = (level == .info ? .notice : level).rawValue
        return order
    }

    // MARK: News of the process

    private func take(_ event: EngineEvent, of run: EngineRun) {
        switch event {
        case .log(let line): log.pass(line)
        case .report(.progress(let fraction)):
            let tell = state.withLock { $0.first?.tell }
            if let tell, !tell(fraction) { Task { await self.stop() } }
        case .report(.failed(let reason)): run.note(failure: reason)
        case .report(.ready(let facts)): isReady(facts, run)
        case .report(.statistics(let value)):
            state.withLock { if $0.run === run { $0.statistics = (value, now()) } }
        case .ended(let end): ended(run, end)
        }
    }

    private func isReady(_ facts: EngineFacts, _ run: EngineRun) {
        typealias Waiting = (CheckedContinuation<EngineFacts, any Error>?, [CheckedContinuation<EngineRun, any Error>])
        let (first, waiters) = state.withLock { state -> Waiting in
            state.supervision.isReady(at: now())
            guard state.supervision.phase != .stopped else { return (nil, []) }
            defer { (state.first, state.waiters) = (nil, [:]) }
            return (state.first?.answer, Array(state.waiters.values))
        }
        log.logger.info("model process ready", metadata: ["model": "\(model)", "pid": "\(run.identifier ?? 0)"])
        first?.resume(returning: facts)
        for waiter in waiters { waiter.resume(returning: run) }
    }

    private func ended(_ run: EngineRun?, _ end: ProcessEnd) {
        let text = end.description(memoryLimit: order.memoryLimit)
        let reason = run?.end(text) ?? text
        let (first, waiters, delay, wasStopped) = state.withLock { state in
            let wasStopped = state.supervision.phase == .stopped
            let delay = state.supervision.ended(at: now())
            (state.lastReason, state.statistics) = (reason, nil)
            // A near start takes the requests that wait.
            let stay = state.supervision.admission(at: now()) == .wait
            let result = (state.first?.answer, stay ? [] : Array(state.waiters.values), delay, wasStopped)
            state.first = nil
            if !stay { state.waiters = [:] }
            return result
        }
        if wasStopped {
            first?.resume(throwing: CancellationError())
            for waiter in waiters { waiter.resume(throwing: CancellationError()) }
            return
        }
        var metadata: Logger.Metadata = ["model": "\(model)", "reason": "\(reason)"]
        if let identifier = run?.identifier { metadata["pid"] = "\(identifier)" }
        if let delay { metadata["restart_seconds"] = .stringConvertible(delay) }
        log.logger.error("model process ended", metadata: metadata)
        first?.resume(throwing: EngineProcessFailure(model, .ended(reason)))
        for waiter in waiters { waiter.resume(throwing: EngineProcessFailure(model, .restarting(reason, retryAfter: Self.seconds(delay)))) }
        guard let delay else { return }
        Task { [weak self] in
            if delay > 0 { try? await Task.sleep(for: .seconds(delay)) }
            guard let self, state.withLock({ $0.supervision.restart() }) else { return }
            launch()
        }
    }

    private static func seconds(_ delay: Double?) -> Int { max(1, Int((delay ?? 1).rounded(.up))) }

    // MARK: Requests

    /// Returns the running process, after waiting for a start that is near. Throws an `EngineProcessFailure` if the next start is not near, and
    /// `CancellationError` after the stop.
    package func running() async throws -> EngineRun {
        let ticket = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { answer in
                let result = state.withLock { state -> Result<EngineRun, any Error>? in
                    switch state.supervision.admission(at: now()) {
                    case .open:
                        if let run = state.run { return .success(run) }
                        return .failure(CancellationError())
                    case .stopped: return .failure(CancellationError())
                    case .refuse(let seconds):
                        return .failure(EngineProcessFailure(model, .restarting(state.lastReason, retryAfter: max(1, seconds))))
                    case .wait:
                        state.waiters[ticket] = answer
                        return nil
                    }
                }
                if let result { answer.resume(with: result) }
                // The task may have been cancelled before the request was registered.
                if Task.isCancelled { leave(ticket) }
            }
        } onCancel: {
            leave(ticket)
        }
    }

    private func leave(_ ticket: Int) {
        state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume(throwing: CancellationError())
    }

    // MARK: The end

    /// Ends the process for good, and returns when it has ended. Requests that are running fail.
    package func stop() async {
        let (run, waiters) = state.withLock { state -> (EngineRun?, [CheckedContinuation<EngineRun, any Error>]) in
            state.supervision.stop()
            defer { state.waiters = [:] }
            return (state.run, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume(throwing: CancellationError()) }
        await run?.stop(within: Self.patience)
    }
}
