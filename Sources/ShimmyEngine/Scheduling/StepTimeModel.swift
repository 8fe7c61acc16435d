/// A model of step times that predicts them from earlier ones: seconds for the rows that decode, plus seconds for each other row.
///
/// It assumes nothing about the processor, the language model or the length of the contexts. Recent measurements predict the next steps.
package struct StepTimeModel: Sendable, Equatable {
    /// The seconds of steps that only decode, by their number of rows. It has at most as many entries as there are slots.
    private var decode: [Int: Double] = [:]
    /// The seconds that one row of prefill, or of a draft, adds to a step; nil before anything was measured.
    package private(set) var rowSeconds: Double?
    /// The number of measured rows behind `rowSeconds`, at most `memory`.
    private var rowsKnown = 0.0

    package init() {}

    /// Takes in the measured time of a step.
    /// - decodeRows: rows that continue a stream by its next token.
    /// - otherRows: rows of prefill, forced tokens and drafts.
    package mutating func observe(decodeRows: Int, otherRows: Int, seconds: Double) {
        if otherRows == 0 {
            guard decodeRows > 0 else { return }
            decode[decodeRows] = Self.blend(decode[decodeRows], seconds, share: 0.25)
        } else {
            let rest = max(0, seconds - (decodeRows > 0 ? decodeSeconds(rows: decodeRows) ?? 0 : 0))
            // A step with few rows has little weight: most of its time is the cost of the step, not of the rows.
            rowSeconds = Self.blend(rowSeconds, rest / Double(otherRows), share: Double(otherRows) / (rowsKnown + Double(otherRows)))
            rowsKnown = min(Self.memory, rowsKnown + Double(otherRows))
        }
    }

    /// The number of rows that count as recent. The weight of older ones fades.
    private static let memory = 128.0

    /// Returns the predicted seconds of a step of `rows` streams; nil before anything was measured.
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

    /// Returns how many rows fit beside `decodeRows` into a step of `seconds`; nil before anything was measured.
    package func rows(within seconds: Double, besides decodeRows: Int) -> Int? {
        guard let rowSeconds, rowSeconds > 0 else { return nil }
        let remaining = seconds - (decodeRows > 0 ? decodeSeconds(rows: decodeRows) ?? 0 : 0)
        return max(0, Int((remaining / rowSeconds).rounded(.down).clamped(to: 0...1e6)))
    }

    /// Returns a copy with every time multiplied by a factor. The copy is an estimate: the first measured rows outweigh it.
    package func scaled(by factor: Double) -> StepTimeModel {
        var scaled = self
        scaled.decode = decode.mapValues { $0 * factor }
        scaled.rowSeconds = rowSeconds.map { $0 * factor }
        scaled.rowsKnown = min(rowsKnown, Self.estimateRows)
        return scaled
    }

    /// The weight of an estimate, in rows.
    private static let estimateRows = 8.0

    /// Blends a measured time into the known one, with most weight on recent steps. A time of more than three times the known one counts as three
    /// times: its cause is probably the machine, not the step.
    private static func blend(_ known: Double?, _ measured: Double, share: Double) -> Double {
        guard let known else { return measured }
        return known + share * (min(measured, 3 * known) - known)
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { min(max(self, range.lowerBound), range.upperBound) }
}
