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

/// A value without padding that equals another one exactly if their bytes are equal.
package protocol BytewiseEquatable: Equatable, BitwiseCopyable {}

extension Token: BytewiseEquatable {}

extension Collection where Element: BytewiseEquatable {
    /// Returns the length of the longest common prefix in elements. The engine's thread compares prompts often, so this method is fast: 100,000
    /// tokens take microseconds.
    package func countInCommon(with other: some Collection<Element>) -> Int {
        let count = withContiguousStorageIfAvailable { mine in
            other.withContiguousStorageIfAvailable { theirs in
                bytesInCommon(UnsafeRawBufferPointer(mine), UnsafeRawBufferPointer(theirs)) / MemoryLayout<Element>.stride
            } ?? mine.countInCommonOneByOne(with: other)
        }
        return count ?? countInCommonOneByOne(with: other)
    }

    fileprivate func countInCommonOneByOne(with other: some Collection<Element>) -> Int {
        var count = 0
        for (mine, theirs) in zip(self, other) {
            guard mine == theirs else { break }
            count += 1
        }
        return count
    }
}

private func bytesInCommon(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int {
    let most = min(one.count, other.count)
    guard let one = one.baseAddress, let other = other.baseAddress else { return 0 }
    // Whole blocks first; then the bytes of the first block that differs.
    let block = 4096
    var count = 0
    while most - count >= block, memcmp(one + count, other + count, block) == 0 { count += block }
    while count < most, one.load(fromByteOffset: count, as: UInt8.self) == other.load(fromByteOffset: count, as: UInt8.self) { count += 1 }
    return count
}
