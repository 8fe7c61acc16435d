/// Finds stop strings in a stream of bytes and never passes on a part of one.
///
/// It holds back at most the length of the longest stop string minus one byte. The match that completes first wins, as if the text had arrived byte
/// by byte. Of matches that end at the same byte, the longest wins.
package struct StopMatcher: Sendable {
    package struct Output: Equatable {
        /// Bytes that certainly belong to the answer.
        package var bytes: [UInt8]
        /// Whether a stop string is complete. Nothing may follow.
        package var stopped: Bool
    }

    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    /// The stop string that was found; nil before.
    package private(set) var found: String?

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
                let start = end + 1 - matched
                found = String(decoding: held[start...end], as: UTF8.self)
                return Output(bytes: Array(held[..<start]), stopped: true)
            }
        }
        let certain = held.count - possibleStart()
        defer { held.removeFirst(certain) }
        return Output(bytes: Array(held[..<certain]), stopped: false)
    }

    /// Returns the held bytes, which turned out not to be a stop string.
    package mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held
    }

    /// Returns the length of the longest suffix of `held` that starts a stop string.
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
