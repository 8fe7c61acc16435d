import ShimmyCore
import Synchronization

/// Collects usage in memory, and writes it to the table about once a second while there is any.
///
/// Recording is a dictionary's update, so that requests never wait for the disk. While the disk fails, the sums stay in memory. Beyond a number of
/// rows, further users are counted together.
package final class UsageRecorder: Sendable {
    /// The max number of rows that wait for the disk, before users are counted together.
    private static let mostPending = 20_000

    private struct State {
        var pending: [UsageOrigin: UsageSums] = [:]
        var users = UserNames()
        var prunedDay = 0
        var isFailing = false
        /// The last write that began.
        var writing: Task<Void, Never>?
    }

    private let store: UsageStore
    /// Days after which rows are deleted.
    private let days: Int
    private let today: @Sendable () -> Int
    private let onFailure: @Sendable (String) -> Void
    private let state = Mutex(State())
    /// Wakes `run` when there is something to write.
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - days: days after which rows are deleted.
    /// - onFailure: called with the reason when writing begins to fail.
    package init(
        store: UsageStore, days: Int, today: @escaping @Sendable () -> Int = { UsageDay.today },
        onFailure: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.days = days
        self.today = today
        self.onFailure = onFailure
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package var currentDay: Int { today() }

    /// Adds the use of a request.
    /// - origin: with the user as the client named it.
    package func record(_ origin: UsageOrigin, _ sums: UsageSums) {
        let isFirst = state.withLock { state in
            var origin = origin
            origin.user = state.users.admit(origin.user, of: origin.key, on: origin.day)
            if state.pending.count >= Self.mostPending, !origin.user.isEmpty { origin.user = UserNames.others }
            state.pending[origin, default: UsageSums()] += sums
            return state.pending.count == 1
        }
        if isFirst { wake.yield() }
    }

    /// Returns the tokens of each key that count towards today's limits, and continues the list of today's users. Throws if the file is damaged.
    package func load() async throws -> (day: Int, tokens: [String: Int]) {
        let day = today()
        try await store.checkFile()
        let lines = try await store.lines(UsageQuery(days: day...day, by: [.key, .user]))
        var tokens: [String: Int] = [:]
        for line in lines { tokens[line.values[0], default: 0] += line.sums.countedTokens }
        state.withLock { state in
            for line in lines { _ = state.users.admit(line.values[1], of: line.values[0], on: day) }
        }
        return (day, tokens)
    }

    /// Writes until the task is cancelled. Call `flush` afterwards for the last rows.
    package func run() async {
        await prune()
        for await _ in wakes {
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            await flush()
            if today() != state.withLock({ $0.prunedDay }) { await prune() }
        }
    }

    /// Writes the recorded sums, after the write in progress. If that fails, they stay in memory for the next attempt. A cancelled task still writes
    /// and waits, so that the end of a server loses nothing.
    package func flush() async {
        let task = state.withLock { state in
            let task = Task { [self, earlier = state.writing] in
                await earlier?.value
                await write()
            }
            state.writing = task
            return task
        }
        await task.value
    }

    private func write() async {
        let rows = state.withLock { state in
            defer { state.pending = [:] }
            return state.pending
        }
        if rows.isEmpty { return }
        do {
            try await store.add(rows)
            state.withLock { $0.isFailing = false }
        } catch {
            let isNew = state.withLock { state in
                for (origin, sums) in rows { state.pending[origin, default: UsageSums()] += sums }
                defer { state.isFailing = true }
                return !state.isFailing
            }
            if isNew { onFailure("\(error)") }
            wake.yield()
        }
    }

    /// Returns the sums of the selected rows, including those that are not written yet.
    package func lines(_ query: UsageQuery) async throws -> [UsageLine] {
        await flush()
        return try await store.lines(query)
    }

    private func prune() async {
        let day = today()
        // If it fails, the next attempt is on the next day.
        state.withLock { $0.prunedDay = day }
        do {
            try await store.prune(before: day - days)
        } catch {
            onFailure("\(error)")
        }
    }
}
