package import ShimmyEngine

/// Decides when a child process reports its statistics: each time that they have changed, and from time to time if they have not, so that their
/// age shows whether the process still works. The process asks once per interval.
package struct StatisticsReports: Sendable {
    /// The seconds between two questions.
    package static let interval = 0.5
    /// The max seconds between two reports.
    package static let longestSilence = 2.0

    private var last: (statistics: EngineStatistics, time: Double)?

    package init() {}

    /// Returns the report that is due; nil if none is.
    /// - now: seconds of a monotonic clock.
    package mutating func next(_ statistics: EngineStatistics, at now: Double) -> EngineReport? {
        if let last, last.statistics == statistics, now - last.time < Self.longestSilence { return nil }
        last = (statistics, now)
        return .statistics(statistics)
    }
}
