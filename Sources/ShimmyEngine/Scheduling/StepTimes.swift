/// Models of step times, for steps with all of the engine's cores and for steps with fewer.
///
/// Other work slows a step down by more than the cores that it takes, since it shares caches and memory with the step. Times on fewer cores are
/// therefore learned from such steps alone.
package struct StepTimes: Sendable, Equatable {
    /// The models by expected slowdown: 1 for all cores, and one value for each number of threads that a runner may use.
    private var models: [Double: StepTimeModel] = [:]
    private var slowdown = 1.0

    package init() {}

    /// The model for the step that is being planned or was computed last.
    package var current: StepTimeModel { models[slowdown] ?? StepTimeModel() }

    /// Whether that step uses fewer cores.
    package var isSlowed: Bool { slowdown > 1 }

    /// Selects the model for the next step.
    /// - slowdown: the expected duration of the step as a multiple of the usual duration. At least 1.
    package mutating func begin(slowdown: Double) {
        self.slowdown = slowdown
        guard slowdown > 1, models[slowdown]?.rowSeconds == nil, let usual = models[1] else { return }
        models[slowdown] = usual.scaled(by: Self.caution * slowdown)
    }

    /// Takes in the measured time of a step; see `StepTimeModel`.
    package mutating func observe(decodeRows: Int, otherRows: Int, seconds: Double) {
        models[slowdown, default: StepTimeModel()].observe(decodeRows: decodeRows, otherRows: otherRows, seconds: seconds)
    }

    /// The safety factor on the predicted time of the first step on fewer cores.
    private static let caution = 2.0
}
