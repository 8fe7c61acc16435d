extension Int {
    /// The sum of two numbers that are not negative, or the largest number where that is too small: what files claim can add up to anything.
    package func saturated(adding other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension Int {
    /// The product of two numbers that are not negative, or the largest number where that is too small.
    package func saturated(multipliedBy other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
