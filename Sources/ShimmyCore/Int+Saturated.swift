extension Int {
    /// Returns the sum of two non-negative numbers, or `Int.max` on overflow: numbers in files can add up to anything.
    package func saturated(adding other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension Int {
    /// Returns the product of two non-negative numbers, or `Int.max` on overflow.
    package func saturated(multipliedBy other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
