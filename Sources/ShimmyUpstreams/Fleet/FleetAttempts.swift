import Logging
import ShimmyChat
import ShimmyCore

/// The attempts of one request at the replicas of its model.
struct FleetAttempts: Sendable {
    /// The status of a request that loops between servers.
    private static let loopDetected = 508

    private(set) var need: FleetState.Need
    private(set) var failures: [UpstreamFailure] = []
    /// Whether a replica may only be asked if the others have certainly done nothing.
    private let isCostly: Bool

    init(_ need: FleetState.Need, isCostly: Bool = false) {
        self.need = need
        self.isCostly = isCostly
    }

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
        if isCostly, failure.mayHaveHadEffect { throw failure }
        failures.append(failure)
        need.tried.insert(place.upstream)
        if failure.isUnsupported { return }
        fleet.logger.warning("upstream failed", metadata: ["upstream": "\(place.upstream)", "model": "\(need.offer)", "error": "\(failure.message)"])
    }

    /// Returns the error of a request that no replica serves: the first failure if the model has one replica, or if no replica supports the request
    /// or has the model; otherwise one that lists the reasons of all replicas.
    func failure(_ found: (reasons: [String], retryAfter: Int?)) -> UpstreamFailure {
        let isRefused = failures.count == found.reasons.count && (failures.allSatisfy(\.isUnsupported) || failures.allSatisfy(\.isAbsent))
        if let first = failures.first, found.reasons.count == 1 || isRefused { return first }
        let reasons = found.reasons.isEmpty ? ["no upstream has the model"] : found.reasons
        let message = reasons.joined(separator: "; ").shortened(to: UpstreamLimits.messageLength)
        return UpstreamFailure(need.offer, .noReplica(reasons, retryAfter: found.retryAfter), message)
    }
}

extension UpstreamFailure {
    /// Whether the upstream may have begun the work, although it failed.
    fileprivate var mayHaveHadEffect: Bool {
        switch reason {
        case .timedOut, .unreadable, .interrupted, .failed: true
        case .refused, .unauthorized, .busy, .unreachable, .noReplica, .unsupported, .loop: false
        }
    }
}
