/// Predicts how long a step takes, with all of the engine's cores and with fewer.
///
/// Others' work slows a step down by more than the cores that it takes, as it shares caches and memory with it. So what steps on fewer cores
/// take is learnt from such steps alone.
package struct StepTimes: Sendable, Equatable {
    /// By the slowdown that was expected: 1 for all cores. There is one for each number of threads that a runner may have.
    private var models: [Double: StepTimeModel] = [:]
    private var slowdown = 1.0

    package init() {}

    /// Of the step that is planned or was computed last.
    package var current: StepTimeModel { models[slowdown] ?? StepTimeModel() }

    /// Whether that step has fewer cores.
    package var isSlowed: Bool { slowdown > 1 }

    /// The next step is planned.
    /// - slowdown: how many times as long as usual it is likely to take. At least 1.
    package mutating func begin(slowdown: Double) {
        self.slowdown = slowdown
        guard slowdown > 1, models[slowdown]?.rowSeconds == nil, let usual = models[1] else { return }
        models[slowdown] = usual.scaled(by: Self.caution * slowdown)
    }

    /// See `StepTimeModel`.
    package mutating func observe(decodeRows: Int, otherRows: Int, seconds: Double) {
        models[slowdown, default: StepTimeModel()].observe(decodeRows: decodeRows, otherRows: otherRows, seconds: seconds)
    }

    /// How much longer than expected the first step on fewer cores may take.
    private static let caution = 2.0
}
