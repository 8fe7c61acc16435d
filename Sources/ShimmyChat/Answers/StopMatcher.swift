/// Finds stop strings in a stream of bytes and never lets a part of one through.
///
/// It keeps at most the longest stop string less one byte. Of several matches the one that is complete first wins,
/// as if the text had come byte by byte; of those that end together, the longest.
package struct StopMatcher: Sendable {
    package struct Output: Equatable {
        /// Bytes that belong to the answer for certain.
        package var bytes: [UInt8]
        /// A stop string is complete; nothing may follow.
        package var stopped: Bool
    }

    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    /// Empty strings never match.
    package init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    package mutating func push(_ bytes: [UInt8]) -> Output {
        if stops.isEmpty { return Output(bytes: bytes, stopped: false) }
        let firstNew = held.count
        held += bytes
        for end in firstNew..<held.count {
            let matched = stops.filter { held[...end].hasSuffix($0) }.map(\.count).max()
            if let matched {
                defer { held = [] }
                return Output(bytes: Array(held[..<(end + 1 - matched)]), stopped: true)
            }
        }
        let certain = held.count - possibleStart()
        defer { held.removeFirst(certain) }
        return Output(bytes: Array(held[..<certain]), stopped: false)
    }

    /// What was held back and turned out not to be a stop string.
    package mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held
    }

    /// The longest end of `held` that begins a stop string.
    private func possibleStart() -> Int {
        let longest = min(held.count, (stops.map(\.count).max() ?? 1) - 1)
        for length in stride(from: longest, to: 0, by: -1) {
            let tail = held[(held.count - length)...]
            if stops.contains(where: { $0.count > length && $0.starts(with: tail) }) { return length }
        }
        return 0
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ other: [UInt8]) -> Bool { count >= other.count && suffix(other.count).elementsEqual(other) }
}
