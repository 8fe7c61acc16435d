/// Decides which background responses run and which wait, and keeps their watchers. It performs no work itself.
///
/// Owners take turns of one response each: however many responses an owner has queued, another owner's next response waits for only one of
/// them. A `Job` is the work for a response, a `Stop` is a way to stop it, and a `Watcher` waits for its events.
package struct BackgroundQueue<Job: Sendable, Stop: Sendable, Watcher: Sendable>: Sendable {
    private struct Progress: Sendable {
        let owner: String
        /// The number of the last stored event.
        var number: Int
        var isCancelled = false
        var stop: Stop?
        var watchers: [Watcher] = []
    }

    private struct Waiting: Sendable {
        let id: String
        let job: Job
    }

    package let runningAtOnce: Int
    /// The max number of waiting responses per owner.
    package let mostWaiting: Int
    /// Waiting responses by owner, oldest first. Owners without waiting responses have no entry.
    private var waiting: [String: [Waiting]] = [:]
    /// The owners of waiting responses, in the order of their turns.
    private var turns: [String] = []
    private var active: [String: Progress] = [:]
    package private(set) var running = 0
    package private(set) var isStopped = false

    package init(runningAtOnce: Int, mostWaiting: Int) {
        self.runningAtOnce = runningAtOnce
        self.mostWaiting = mostWaiting
    }

    /// The numbers of waiting responses by owner.
    package var waitingByOwner: [String: Int] { waiting.mapValues(\.count) }

    /// Returns whether an owner's queue is full.
    package func isFull(for owner: String) -> Bool { waiting[owner, default: []].count >= mostWaiting }

    /// - number: the number of the response's last stored event.
    package mutating func add(_ job: Job, id: String, owner: String, number: Int) {
        guard !isStopped else { return }
        active[id] = Progress(owner: owner, number: number)
        if waiting[owner] == nil { turns.append(owner) }
        waiting[owner, default: []].append(Waiting(id: id, job: job))
    }

    /// Returns the next response to run; nil if the max number is running or none waits.
    package mutating func next() -> Job? {
        guard running < runningAtOnce, let owner = turns.first, let job = take(0, of: owner) else { return nil }
        running += 1
        if turns.first == owner { turns.append(turns.removeFirst()) }
        return job
    }

    /// Removes a waiting response from its owner's queue. An owner without further waiting responses loses its turn.
    private mutating func take(_ index: Int, of owner: String) -> Job? {
        let job = waiting[owner]?.remove(at: index).job
        if waiting[owner]?.isEmpty == true {
            waiting[owner] = nil
            turns.removeAll { $0 == owner }
        }
        return job
    }

    /// Stores how to stop a response that has begun. Returns whether the response was cancelled before.
    package mutating func begun(_ id: String, stop: Stop) -> Bool {
        active[id]?.stop = stop
        return isCancelled(id)
    }

    /// Removes a response that has ended. Returns the watchers to notify.
    package mutating func end(_ id: String) -> [Watcher] {
        running -= 1
        return active.removeValue(forKey: id)?.watchers ?? []
    }

    // MARK: Stopping

    /// Stops the queue: it starts no further responses and drops the waiting ones. Returns the watchers of the dropped responses.
    package mutating func stop() -> [Watcher] {
        isStopped = true
        let remaining = turns.flatMap { waiting[$0] ?? [] }
        (waiting, turns) = ([:], [])
        return remaining.flatMap { active.removeValue(forKey: $0.id)?.watchers ?? [] }
    }

    /// The ids of all waiting and running responses.
    package var activeIDs: [String] { Array(active.keys) }

    // MARK: Watching

    package func isActive(_ id: String) -> Bool { active[id] != nil }

    /// Returns whether the watcher has to wait. If so, `advance`, `nudge`, `end` or `stop` returns it later.
    package mutating func watch(_ id: String, beyond number: Int, _ watcher: Watcher) -> Bool {
        guard let progress = active[id], progress.number <= number else { return false }
        active[id]?.watchers.append(watcher)
        return true
    }

    /// Records that more events were stored. Returns the watchers that waited for them.
    package mutating func advance(_ id: String, to number: Int) -> [Watcher] {
        active[id]?.number = number
        return nudge(id)
    }

    /// Returns all watchers of a response, so that they can send a ping.
    package mutating func nudge(_ id: String) -> [Watcher] {
        let watchers = active[id]?.watchers ?? []
        active[id]?.watchers = []
        return watchers
    }

    // MARK: Cancelling

    package enum Cancellation {
        /// The response does not run in this process.
        case nothing
        /// The waiting response starts at once, detects the cancellation, and ends.
        case start(Job)
        case stop(Stop)
        /// The response is starting; it checks for cancellation before it continues.
        case wait
    }

    package mutating func cancel(_ id: String) -> Cancellation {
        guard let progress = active[id] else { return .nothing }
        active[id]?.isCancelled = true
        if let index = waiting[progress.owner]?.firstIndex(where: { $0.id == id }), let job = take(index, of: progress.owner) {
            running += 1
            return .start(job)
        }
        return progress.stop.map(Cancellation.stop) ?? .wait
    }

    /// Returns whether a response was cancelled. An unknown response counts as cancelled.
    package func isCancelled(_ id: String) -> Bool { active[id]?.isCancelled ?? true }
}
