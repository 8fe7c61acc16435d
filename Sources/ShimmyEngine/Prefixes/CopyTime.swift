/// An estimate of the time for copying cells, from earlier copies, so that streams need not wait for long ones.
package struct CopyTime {
    private var units = 0
    private var seconds = 0.0
    /// The seconds that this step's copies have taken.
    private var spent = 0.0

    package init() {}

    package mutating func beginStep() { spent = 0 }

    package mutating func observe(units count: Int, seconds: Double) {
        units += count
        self.seconds += seconds
        spent += seconds
    }

    /// Returns whether a step can copy the cells of `count` more units within `budget` seconds. The first copy is always allowed, as there is no
    /// measurement before it.
    package func allows(units count: Int, within budget: Double) -> Bool {
        units == 0 || spent + seconds / Double(units) * Double(count) <= budget
    }
}
