import ShimmyCore
import Synchronization

/// Several token streams that one task consumes together, in the order in which their news came.
///
/// Nothing is buffered here: a stream hands out at once what has come since it was last asked, so that a slow consumer gets larger
/// deliveries, and memory is bounded by the sequences' own limits of tokens. A group that is dropped cancels its sequences.
package final class StreamGroup: Sendable {
    package enum News: Sendable, Equatable {
        /// What a stream, by its index, has brought.
        case delivery(Int, TokenDelivery)
        /// Nothing new: somebody asked for a sign of life.
        case nudge
    }

    /// Remembers which streams have news. It outlives the group where a stream does.
    private final class Bell: Sendable {
        private struct State {
            /// Streams with news, in the order in which it came; each at most once.
            var ready: [Int] = []
            var closed: Set<Int> = []
            var isNudged = false
            var waiter: CheckedContinuation<Void, Never>?
        }

        private let state = Mutex(State())

        func ring(_ index: Int) {
            wake { state in
                if !state.closed.contains(index), !state.ready.contains(index) { state.ready.append(index) }
            }
        }

        func nudge() { wake { $0.isNudged = true } }

        func close(_ index: Int) {
            state.withLock { state in
                state.closed.insert(index)
                state.ready.removeAll { $0 == index }
            }
        }

        /// The stream whose turn it is; nil for a nudge.
        func next() async -> Int? {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.ready.isEmpty || state.isNudged { return true }
                    precondition(state.waiter == nil, "a group of streams has one consumer")
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
            return state.withLock { state in
                state.isNudged = false
                return state.ready.isEmpty ? nil : state.ready.removeFirst()
            }
        }

        private func wake(_ change: (inout State) -> Void) {
            let waiter = state.withLock { state in
                change(&state)
                guard !state.ready.isEmpty || state.isNudged else { return CheckedContinuation<Void, Never>?.none }
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    private let streams: [TokenStream]
    private let bell = Bell()

    package init(_ streams: [TokenStream]) {
        self.streams = streams
        for (index, stream) in streams.enumerated() { stream.listen { [bell] in bell.ring(index) } }
    }

    package var count: Int { streams.count }

    /// Waits for news of any stream. Throws `CancellationError` once cancelled and `EngineError` when the engine failed.
    /// Not to be called when all streams have ended or are closed.
    package func next() async throws -> News {
        try await withTaskCancellationHandler {
            while true {
                guard let index = await bell.next() else { return .nudge }
                guard let delivery = try streams[index].poll() else { continue }
                // A failure rang the bell together with the tokens before it.
                if streams[index].hasFailed { bell.ring(index) }
                return .delivery(index, delivery)
            }
        } onCancel: {
            cancel()
        }
    }

    /// Stops a sequence; its stream has no more news.
    package func close(_ index: Int) {
        bell.close(index)
        streams[index].cancel()
    }

    /// Stops all sequences within one step, from any thread.
    package func cancel() { for stream in streams { stream.cancel() } }

    /// Makes `next()` return `.nudge` when there is nothing else, from any thread.
    package func nudge() { bell.nudge() }
}
