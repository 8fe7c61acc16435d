extension Sequence where Element: Equatable {
    /// How many elements both begin with.
    package func countInCommon(with other: some Sequence<Element>) -> Int {
        var others = other.makeIterator()
        var count = 0
        for element in self {
            guard others.next() == element else { break }
            count += 1
        }
        return count
    }
}
