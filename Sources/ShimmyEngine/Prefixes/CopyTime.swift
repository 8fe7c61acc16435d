/// An estimate of the time for copying cells, from earlier copies, so that streams need not wait for long ones.
package struct CopyTime {
    private var tokens = 0
    private var seconds = 0.0
    /// The seconds that this step's copies have taken.
    private var spent = 0.0

    package init() {}

    package mutating func beginStep() { spent = 0 }

    package mutating func observe(tokens count: Int, seconds: Double) {
        tokens += count
        self.seconds += seconds
        spent += seconds
    }

    /// Returns whether a step can copy `count` more tokens within `budget` seconds. The first copy is always allowed, as there is no measurement
    /// before it.
    package func allows(tokens count: Int, within budget: Double) -> Bool {
        tokens == 0 || spent + seconds / Double(tokens) * Double(count) <= budget
    }
}
