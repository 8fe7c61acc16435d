/// Predicts how long a step takes from how long earlier ones took: seconds for the rows that decode, and seconds for each row more.
///
/// Nothing about the processor, the model or the length of the contexts is assumed; what was measured lately stands for what comes next.
package struct StepTimeModel: Sendable, Equatable {
    /// Seconds of steps that did nothing but decode, by their number of rows. At most one entry for each number of slots.
    private var decode: [Int: Double] = [:]
    /// Seconds that one row of prefill, or of a draft, adds to a step.
    package private(set) var rowSeconds: Double?
    /// How many rows stand behind `rowSeconds`, at most `memory`.
    private var rowsKnown = 0.0

    package init() {}

    /// - decodeRows: rows that continue a stream by its next token.
    /// - otherRows: prefill and drafts.
    package mutating func observe(decodeRows: Int, otherRows: Int, seconds: Double) {
        if otherRows == 0 {
            guard decodeRows > 0 else { return }
            decode[decodeRows] = Self.blend(decode[decodeRows], seconds, share: 0.25)
        } else {
            let rest = max(0, seconds - (decodeRows > 0 ? decodeSeconds(rows: decodeRows) ?? 0 : 0))
            // A step of few rows tells little: most of its time belongs to the step, not to the rows.
            rowSeconds = Self.blend(rowSeconds, rest / Double(otherRows), share: Double(otherRows) / (rowsKnown + Double(otherRows)))
            rowsKnown = min(Self.memory, rowsKnown + Double(otherRows))
        }
    }

    /// Rows; older ones fade.
    private static let memory = 128.0

    /// Seconds of a step of `rows` streams; nil before anything was measured.
    package func decodeSeconds(rows: Int) -> Double? {
        if let known = decode[rows] { return known }
        let below = decode.keys.filter { $0 < rows }.max()
        let above = decode.keys.filter { $0 > rows }.min()
        switch (below, above) {
        case (let below?, let above?):
            let share = Double(rows - below) / Double(above - below)
            return decode[below]! + share * (decode[above]! - decode[below]!)
        case (let below?, nil): return decode[below]! * Double(rows) / Double(below)  // at worst each row costs the same
        case (nil, let above?): return decode[above]!
        case (nil, nil): return nil
        }
    }

    /// How many rows fit beside `decodeRows` into a step of so many seconds; nil before anything was measured.
    package func rows(within seconds: Double, besides decodeRows: Int) -> Int? {
        guard let rowSeconds, rowSeconds > 0 else { return nil }
        let left = seconds - (decodeRows > 0 ? decodeSeconds(rows: decodeRows) ?? 0 : 0)
        return max(0, Int((left / rowSeconds).rounded(.down).clamped(to: 0...1e6)))
    }

    /// The same model with every time multiplied by a factor. It is a guess: the first rows that are measured outweigh it.
    package func scaled(by factor: Double) -> StepTimeModel {
        var scaled = self
        scaled.decode = decode.mapValues { $0 * factor }
        scaled.rowSeconds = rowSeconds.map { $0 * factor }
        scaled.rowsKnown = min(rowsKnown, Self.guessed)
        return scaled
    }

    /// Rows that a guess counts for.
    private static let guessed = 8.0

    /// Recent steps count most; one that took three times as long as expected tells of the machine, not of the step, and counts as three.
    private static func blend(_ known: Double?, _ measured: Double, share: Double) -> Double {
        guard let known else { return measured }
        return known + share * (min(measured, 3 * known) - known)
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { min(max(self, range.lowerBound), range.upperBound) }
}
