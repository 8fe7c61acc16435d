#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Sequence where Element: Equatable {
    /// Returns the length of the longest common prefix.
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

extension Collection<Token> {
    /// Returns the length of the longest common prefix in tokens. The engine's thread compares prompts often, so this method is fast: 100,000
    /// tokens take microseconds.
    package func countInCommon(with other: some Collection<Token>) -> Int {
        let count = withContiguousStorageIfAvailable { mine in
            other.withContiguousStorageIfAvailable { theirs in Self.countInCommon(mine, theirs) } ?? mine.countInCommonOneByOne(with: other)
        }
        return count ?? countInCommonOneByOne(with: other)
    }

    fileprivate func countInCommonOneByOne(with other: some Collection<Token>) -> Int {
        var count = 0
        for (mine, theirs) in zip(self, other) {
            guard mine == theirs else { break }
            count += 1
        }
        return count
    }

    private static func countInCommon(_ one: UnsafeBufferPointer<Token>, _ other: UnsafeBufferPointer<Token>) -> Int {
        let most = Swift.min(one.count, other.count)
        guard let one = one.baseAddress, let other = other.baseAddress else { return 0 }
        // Whole blocks first; then the tokens of the first block that differs.
        let block = 1024
        var count = 0
        while most - count >= block, memcmp(one + count, other + count, block * MemoryLayout<Token>.stride) == 0 { count += block }
        while count < most, one[count] == other[count] { count += 1 }
        return count
    }
}
