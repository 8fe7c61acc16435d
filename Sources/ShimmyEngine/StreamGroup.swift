import ShimmyCore
import Synchronization

/// A group of token streams that one task consumes together, in the order in which they have news.
///
/// The group buffers nothing: a stream delivers everything since the last call at once. A slow consumer gets larger deliveries, and memory is
/// bounded by the sequences' own token limits. Dropping a group cancels its sequences.
package final class StreamGroup: Sendable {
    package enum News: Sendable, Equatable {
        /// A delivery of the stream with this index.
        case delivery(Int, TokenDelivery)
        /// Nothing new; `nudge()` was called.
        case nudge
    }

    /// The record of the streams that have news. It lives as long as the group or any of its streams.
    private final class Bell: Sendable {
        private struct State {
            /// The streams with news, in the order in which they got it; each at most once.
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

        /// Waits for news and returns the index of the next stream that has some; nil for a nudge.
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

    /// Waits for news of any stream. Throws `CancellationError` once cancelled and `EngineError` when the engine failed. It must not be called when
    /// all streams have ended or are closed.
    package func next() async throws -> News {
        try await withTaskCancellationHandler {
            while true {
                guard let index = await bell.next() else { return .nudge }
                guard let delivery = try streams[index].poll() else { continue }
                // One ring announced both the failure and the tokens before it. Ring again for the failure.
                if streams[index].hasFailed { bell.ring(index) }
                return .delivery(index, delivery)
            }
        } onCancel: {
            cancel()
        }
    }

    /// Stops a sequence. Its stream delivers nothing more.
    package func close(_ index: Int) {
        bell.close(index)
        streams[index].cancel()
    }

    /// Stops all sequences within one step. Any thread may call it.
    package func cancel() { for stream in streams { stream.cancel() } }

    /// Makes `next()` return `.nudge` when no stream has news. Any thread may call it.
    package func nudge() { bell.nudge() }
}
