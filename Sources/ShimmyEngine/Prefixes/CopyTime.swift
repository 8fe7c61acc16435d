/// How long copying cells takes, told from the copies so far, so that streams need not wait for long ones.
package struct CopyTime {
    private var tokens = 0
    private var seconds = 0.0
    /// Of this step's copies.
    private var spent = 0.0

    package init() {}

    package mutating func beginStep() { spent = 0 }

    package mutating func observe(tokens count: Int, seconds: Double) {
        tokens += count
        self.seconds += seconds
        spent += seconds
    }

    /// Whether a step has time for one more copy. The first one has to be tried.
    package func allows(tokens count: Int, within budget: Double) -> Bool {
        tokens == 0 || spent + seconds / Double(tokens) * Double(count) <= budget
    }
}
