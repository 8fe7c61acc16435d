import Synchronization

/// The last requests of the server, in memory. The oldest one makes room for a new one.
package final class RequestHistory: Sendable {
    /// The max number of requests.
    package static let most = 500

    private struct State {
        /// In order of their ends. The numbers of the records are consecutive.
        var records: [RequestRecord] = []
        var lastNumber = 0
    }

    private let state = Mutex(State())
    /// The memory for the texts of requests; nil if the server does not inspect requests.
    private let memory: InspectionMemory?

    /// - inspects: whether to keep the texts of requests, too.
    /// - inspectedBytes: the max bytes of all texts together.
    package init(inspects: Bool = false, inspectedBytes: Int = InspectionMemory.defaultLimit) {
        memory = inspects ? InspectionMemory(limit: inspectedBytes) : nil
    }

    /// Whether the texts of requests are kept.
    package var inspects: Bool { memory != nil }

    /// Returns an inspection for a new request; nil if the server does not inspect requests.
    package func beginInspection() -> RequestInspection? {
        guard let memory else { return nil }
        return RequestInspection(memory: memory) { [weak self] in self?.forgetTexts(until: $0) }
    }

    package func add(_ record: RequestRecord) {
        // The record that makes room can be the last reference to its texts, so that it is freed outside of the lock.
        let dropped = state.withLock { state -> RequestRecord? in
            var record = record
            state.lastNumber += 1
            record.number = state.lastNumber
            state.records.append(record)
            return state.records.count > Self.most ? state.records.removeFirst() : nil
        }
        withExtendedLifetime(dropped) {}
    }

    /// The number of the newest record; 0 before the first one.
    package var lastNumber: Int { state.withLock { $0.lastNumber } }

    /// Returns the newest requests, the newest first.
    /// - number: only requests with a smaller number; nil for all.
    package func newest(_ count: Int, before number: Int? = nil) -> [RequestRecord] {
        state.withLock { state in
            let end = number.map { number in state.records.firstIndex { $0.number >= number } ?? state.records.count } ?? state.records.count
            return state.records[..<end].suffix(max(0, count)).reversed()
        }
    }

    /// Returns the requests that ended after the one with a number, the oldest first, and how many of them are no longer known.
    package func since(_ number: Int) -> (records: [RequestRecord], missed: Int) {
        state.withLock { state in
            let new = Array(state.records.drop { $0.number <= number })
            return (new, max(0, state.lastNumber - number - new.count))
        }
    }

    /// Returns the newest request with an id; nil if there is none.
    package func find(_ id: String) -> RequestRecord? { state.withLock { $0.records.last { $0.id == id } } }

    /// Discards the texts of the oldest requests until `isEnough` returns true, or none is left.
    private func forgetTexts(until isEnough: () -> Bool) {
        // Freed texts only change a counter, so that they may be freed under the lock.
        state.withLock { state in
            for index in state.records.indices where state.records[index].inspection != nil {
                if isEnough() { return }
                state.records[index].inspection = nil
            }
        }
    }
}
