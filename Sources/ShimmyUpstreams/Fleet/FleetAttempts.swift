import Logging
import ShimmyChat

/// The attempts of one request at the replicas of its model.
struct FleetAttempts: Sendable {
    /// The status of a request that loops between servers.
    static let loopDetected = 508

    private(set) var need: FleetState.Need
    private(set) var failures: [UpstreamFailure] = []

    init(_ need: FleetState.Need) { self.need = need }

    /// Notes a failure. Throws it if no other replica may be asked.
    mutating func failed(at place: FleetPlace, _ error: any Error, _ fleet: UpstreamFleet) throws {
        guard var failure = error as? UpstreamFailure else {
            place.end(.abandoned)
            throw error
        }
        // The upstream found that the request loops. No other replica would help.
        if failure.reason == .failed(status: Self.loopDetected) { failure.reason = .loop }
        place.end(.failed(failure))
        // Replicas can be servers of different kinds, so that another one may support what this one does not. One may have lost the model.
        guard failure.canFailOver || failure.isUnsupported || failure.isAbsent, !Task.isCancelled else { throw failure }
        failures.append(failure)
        need.tried.insert(place.upstream)
        if failure.isUnsupported { return }
        fleet.logger.warning("upstream failed", metadata: ["upstream": "\(place.upstream)", "model": "\(need.offer)", "error": "\(failure.message)"])
    }

    /// Returns the error of a request that no replica serves. A model with one replica has that replica's failure, and a request that no
    /// replica supports has the first one.
    func failure(_ found: (reasons: [String], retryAfter: Int?)) -> UpstreamFailure {
        let isRefused = failures.count == found.reasons.count && (failures.allSatisfy(\.isUnsupported) || failures.allSatisfy(\.isAbsent))
        if let first = failures.first, found.reasons.count == 1 || isRefused { return first }
        let reasons = found.reasons.isEmpty ? ["no upstream has the model"] : found.reasons
        return UpstreamFailure(need.offer, .noReplica(reasons, retryAfter: found.retryAfter), reasons.joined(separator: "; "))
    }
}
