import CSampling

/// Classes of nearly equal weights: 16 for each power of two, from 1 down. The last class has all smaller weights.
enum WeightClass {
    static let count = 1024

    static func of(_ weight: Float) -> Int { min(count - 1, max(0, Int(Float(1).bitPattern >> 19) - Int(weight.bitPattern >> 19))) }

    /// Returns the min weight of a class's members.
    static func floor(_ index: Int) -> Float {
        index == count - 1 ? 0 : Float(bitPattern: (Float(1).bitPattern >> 19 - UInt32(index)) << 19)
    }

    /// Returns a range of classes that contains the first class at which `isEnough` is true, and the total mass and count of the heavier classes.
    ///
    /// No token is listed: each pass over the vocabulary measures the tokens above a few bounds, and leaves a fifth of the classes.
    /// - few: the number of tokens in the remaining classes at which listing them is faster than another pass.
    static func border(
        in weights: [Float], upTo last: Int = count - 1, leaving few: Int, until isEnough: (CSamplingMeasure) -> Bool
    ) -> (classes: ClosedRange<Int>, above: CSamplingMeasure) {
        var (low, high) = (0, last)
        // Members of all classes up to `high`.
        var members = Int.max
        var above = CSamplingMeasure(mass: 0, count: 0)
        let parts = Int(CSAMPLING_BOUNDS)
        var measures = [CSamplingMeasure](repeating: above, count: parts)
        while low < high, members - above.count > few {
            let stride = (high - low + parts) / (parts + 1)
            let indices = (1...parts).map { min(low + $0 * stride, high) - 1 }
            csampling_measure(weights, weights.count, indices.map(floor), &measures)
            let first = measures.firstIndex(where: isEnough) ?? parts
            if first < parts { (high, members) = (indices[first], measures[first].count) }
            if first > 0 { (low, above) = (indices[first - 1] + 1, measures[first - 1]) }
        }
        return (low...high, above)
    }
}
