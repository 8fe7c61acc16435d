import ShimmyJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Times and durations as Ollama writes them.
package enum OllamaTime {
    /// Returns a time in the form of RFC 3339 with nanoseconds, in UTC, such as `2026-11-30T05:39:00.123456789Z`.
    /// - seconds: the Unix time.
    package static func text(_ seconds: Double) -> String {
        let whole = seconds.rounded(.down)
        let nanoseconds = min(999_999_999, Int((seconds - whole) * 1e9))
        // Nine digits, with the zeros at the beginning.
        let fraction = "\(1_000_000_000 + nanoseconds)".dropFirst()
        return "\(Date(timeIntervalSince1970: whole).formatted(.iso8601).dropLast()).\(fraction)Z"
    }

    package static var now: String { text(Date().timeIntervalSince1970) }

    /// Returns the number of nanoseconds.
    static func nanoseconds(_ duration: Duration) -> JSON { .int(max(0, Int(duration / .nanoseconds(1)))) }
}

/// The moments of an answer from which Ollama's durations are computed.
package struct OllamaMoments: Sendable {
    private let arrived: ContinuousClock.Instant
    private var moments: AnswerMoments

    /// - arrived: the time at which the server read the request's head.
    /// - loaded: the time at which the model was loaded.
    package init(arrived: ContinuousClock.Instant, loaded: ContinuousClock.Instant) {
        self.arrived = arrived
        moments = AnswerMoments(loaded: loaded)
    }

    /// Marks the first part of the answer; later calls have no effect.
    mutating func noteFirstPart() { moments.noteFirstPart() }

    /// Returns the durations of the request and of its load.
    func total(until end: ContinuousClock.Instant = .now) -> JSONObject {
        ["total_duration": OllamaTime.nanoseconds(end - arrived), "load_duration": OllamaTime.nanoseconds(moments.loaded - arrived)]
    }

    /// Returns the time between the load and the first part: the wait for other requests and the computation of the prompt.
    func prompt(until end: ContinuousClock.Instant) -> JSON { OllamaTime.nanoseconds(moments.prompt(until: end)) }

    /// Returns the time since the first part.
    func answer(until end: ContinuousClock.Instant) -> JSON { OllamaTime.nanoseconds(moments.answer(until: end)) }
}
