import Foundation
import ShimmyCore

/// A time as quotas need it: a clock that never goes back, for the periods of a minute, and the day in UTC.
package struct QuotaMoment: Sendable, Equatable {
    /// The milliseconds since some fixed time.
    package var milliseconds: Int
    /// The days since 1970 in UTC.
    package var day: Int
    /// The milliseconds until the end of the day.
    package var dayRemaining: Int

    package init(milliseconds: Int, day: Int, dayRemaining: Int) {
        self.milliseconds = milliseconds
        self.day = day
        self.dayRemaining = dayRemaining
    }

    var second: Int { milliseconds / 1000 }

    private static let start = ContinuousClock.now

    package static var now: QuotaMoment {
        let time = Int(min(max(Date().timeIntervalSince1970, 0), 1e11) * 1000)
        return QuotaMoment(
            milliseconds: Int((ContinuousClock.now - start) / .milliseconds(1)), day: time / UsageDay.milliseconds,
            dayRemaining: UsageDay.milliseconds - time % UsageDay.milliseconds)
    }
}
