/// The moments of an answer between which an API measures durations.
struct AnswerMoments: Sendable {
    /// The time at which the model was loaded.
    let loaded: ContinuousClock.Instant
    private var first: ContinuousClock.Instant?

    init(loaded: ContinuousClock.Instant) { self.loaded = loaded }

    /// Marks the first part of the answer; later calls have no effect.
    mutating func noteFirstPart() { first = first ?? .now }

    /// Returns the time between the load and the first part: the wait for other requests and the computation of the prompt.
    func prompt(until end: ContinuousClock.Instant) -> Duration { (first ?? end) - loaded }

    /// Returns the time since the first part.
    func answer(until end: ContinuousClock.Instant) -> Duration { end - (first ?? end) }
}
