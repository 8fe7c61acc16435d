import ShimmyChat
import Synchronization

/// A request's place at an upstream. It counts as load of the upstream until it ends or is released.
final class FleetPlace: Sendable {
    /// The end of the request, as evidence about the upstream.
    enum Outcome: Sendable {
        case succeeded
        case failed(UpstreamFailure)
        /// The client left, or the request was wrong.
        case abandoned
    }

    /// The number of the place.
    let number: Int
    let upstream: String
    /// The model's id at the upstream.
    let model: String
    let peer: any UpstreamPeer
    private let ending: Mutex<(@Sendable (Outcome) -> Void)?>

    /// - onEnd: called once, with the outcome.
    init(_ taken: FleetState.Taken, onEnd: @escaping @Sendable (Outcome) -> Void) {
        (number, upstream, model, peer) = (taken.place, taken.upstream, taken.model, taken.peer)
        ending = Mutex(onEnd)
    }

    deinit { end(.abandoned) }

    /// Ends the place. Only the first call counts.
    func end(_ outcome: Outcome) {
        let onEnd = ending.withLock { ending in
            defer { ending = nil }
            return ending
        }
        onEnd?(outcome)
    }
}

extension Answer {
    /// Returns an answer that reports its reduced max number of tokens; nil for a number that was not reduced.
    static func clamped(_ answer: sending Answer, to tokens: Int?) -> sending Answer {
        guard let tokens else { return answer }
        var report = answer.report
        report.clampedTokens = tokens
        return Answer(canceller: answer.canceller, report: report) { try await answer.nextEvent() }
    }

    /// Returns an answer that reports fields without effect on the model.
    static func reporting(_ answer: sending Answer, withoutEffect fields: [String]) -> sending Answer {
        if fields.isEmpty { return answer }
        var report = answer.report
        report.withoutEffect += fields.filter { !report.withoutEffect.contains($0) }
        return Answer(canceller: answer.canceller, report: report) { try await answer.nextEvent() }
    }

    /// Returns an answer that keeps its place at the upstream until its end, and that names the upstream.
    static func keeping(_ answer: sending Answer, _ place: FleetPlace) -> sending Answer {
        var report = answer.report
        report.upstream = place.upstream
        report.fingerprint = report.fingerprint ?? UpstreamFingerprint.of(place.upstream, model: place.model)
        return Answer(canceller: answer.canceller, report: report) {
            do {
                guard let event = try await answer.nextEvent() else {
                    place.end(.succeeded)
                    return nil
                }
                if case .ended = event { place.end(.succeeded) }
                return event
            } catch {
                place.end((error as? UpstreamFailure).map { .failed($0) } ?? .abandoned)
                throw error
            }
        }
    }
}
