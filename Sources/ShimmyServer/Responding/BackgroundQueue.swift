/// Which background responses are made and which wait, and who wants to hear of them. Decides; does nothing.
///
/// Owners take turns, one response each: however many of one wait, another one's waits for one of them only.
/// `Job` is what has to be done, `Stop` a way to end it, `Watcher` somebody who waits for news.
package struct BackgroundQueue<Job: Sendable, Stop: Sendable, Watcher: Sendable>: Sendable {
    private struct Progress: Sendable {
        let owner: String
        /// Of the last event that was kept.
        var number: Int
        var isCancelled = false
        var stop: Stop?
        var watchers: [Watcher] = []
    }

    private struct Waiting: Sendable {
        let id: String
        let job: Job
    }

    private let runningAtOnce: Int
    /// Of each owner.
    private let mostWaiting: Int
    /// By owner, oldest first; without those of whom nothing waits.
    private var waiting: [String: [Waiting]] = [:]
    /// The owners of what waits, in the order of their turns.
    private var turns: [String] = []
    private var active: [String: Progress] = [:]
    private var running = 0
    package private(set) var isStopped = false

    package init(runningAtOnce: Int, mostWaiting: Int) {
        self.runningAtOnce = runningAtOnce
        self.mostWaiting = mostWaiting
    }

    /// Whether as many of an owner's responses wait as may.
    package func isFull(for owner: String) -> Bool { waiting[owner, default: []].count >= mostWaiting }

    /// - number: of the last event that was kept of it.
    package mutating func add(_ job: Job, id: String, owner: String, number: Int) {
        guard !isStopped else { return }
        active[id] = Progress(owner: owner, number: number)
        if waiting[owner] == nil { turns.append(owner) }
        waiting[owner, default: []].append(Waiting(id: id, job: job))
    }

    /// The next response to be made; nil while there are enough or none waits.
    package mutating func next() -> Job? {
        guard running < runningAtOnce, let owner = turns.first, let job = take(0, of: owner) else { return nil }
        running += 1
        if turns.first == owner { turns.append(turns.removeFirst()) }
        return job
    }

    /// Takes what waits out of an owner's line; one of whom nothing waits any more loses its turn.
    private mutating func take(_ index: Int, of owner: String) -> Job? {
        let job = waiting[owner]?.remove(at: index).job
        if waiting[owner]?.isEmpty == true {
            waiting[owner] = nil
            turns.removeAll { $0 == owner }
        }
        return job
    }

    /// How to end a response that has begun; whether it was cancelled before.
    package mutating func begun(_ id: String, stop: Stop) -> Bool {
        active[id]?.stop = stop
        return isCancelled(id)
    }

    /// Returns those who have to be told that it is over.
    package mutating func end(_ id: String) -> [Watcher] {
        running -= 1
        return active.removeValue(forKey: id)?.watchers ?? []
    }

    // MARK: Stopping

    /// Nothing is begun any more: what waits is not this queue's from now on. Returns those who watch it.
    package mutating func stop() -> [Watcher] {
        isStopped = true
        let left = turns.flatMap { waiting[$0] ?? [] }
        (waiting, turns) = ([:], [])
        return left.flatMap { active.removeValue(forKey: $0.id)?.watchers ?? [] }
    }

    /// All that wait or are made.
    package var activeIDs: [String] { Array(active.keys) }

    // MARK: Watching

    package func isActive(_ id: String) -> Bool { active[id] != nil }

    /// Whether the watcher has to wait: it is returned by `advance`, `nudge` or `end`.
    package mutating func watch(_ id: String, beyond number: Int, _ watcher: Watcher) -> Bool {
        guard let progress = active[id], progress.number <= number else { return false }
        active[id]?.watchers.append(watcher)
        return true
    }

    /// More was kept. Returns those who waited for it.
    package mutating func advance(_ id: String, to number: Int) -> [Watcher] {
        active[id]?.number = number
        return nudge(id)
    }

    /// All who watch a response, for a sign of life.
    package mutating func nudge(_ id: String) -> [Watcher] {
        let watchers = active[id]?.watchers ?? []
        active[id]?.watchers = []
        return watchers
    }

    // MARK: Cancelling

    package enum Cancellation {
        /// It is not made here.
        case nothing
        /// It begins at once, sees that it was cancelled, and ends.
        case start(Job)
        case stop(Stop)
        /// It looks whether it was cancelled before it goes on.
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

    /// Also of what is not there.
    package func isCancelled(_ id: String) -> Bool { active[id]?.isCancelled ?? true }
}
