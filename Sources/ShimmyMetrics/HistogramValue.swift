/// The counts of values between the bounds of a histogram.
package struct HistogramValue: Sendable, Equatable {
    /// The upper bounds of the buckets, ascending, without infinity.
    package let bounds: [Double]
    /// The number of values in each bucket, without those of smaller buckets. The last bucket holds the values above the last bound.
    package private(set) var counts: [Int]
    package private(set) var sum: Double

    package init(bounds: [Double]) {
        self.init(bounds: bounds, counts: Array(repeating: 0, count: bounds.count + 1), sum: 0)
    }

    /// - counts: the count of each bucket; one more than there are bounds.
    package init(bounds: [Double], counts: [Int], sum: Double) {
        precondition(counts.count == bounds.count + 1)
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }

    package var count: Int { counts.reduce(0, +) }

    /// Counts a value. A value that is not a number is dropped, because it would make the sum useless.
    package mutating func record(_ value: Double) {
        guard value.isFinite else { return }
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// Adds the values of a histogram with the same bounds.
    package mutating func add(_ other: HistogramValue) {
        guard other.bounds == bounds else { return }
        for index in counts.indices { counts[index] += other.counts[index] }
        sum += other.sum
    }
}
