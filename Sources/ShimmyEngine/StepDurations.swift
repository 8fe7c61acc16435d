/// The durations of steps: the number of steps between fixed bounds.
package struct StepDurations: Codable, Sendable, Equatable {
    /// The upper bounds in seconds, ascending, without infinity.
    package static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5]
    /// The number of steps up to each bound and above the one before, then of those above the last bound.
    package private(set) var counts = Array(repeating: 0, count: bounds.count + 1)

    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        counts = try container.decode([Int].self, forKey: .counts)
        guard counts.count == Self.bounds.count + 1 else {
            throw DecodingError.dataCorruptedError(forKey: .counts, in: container, debugDescription: "wrong number of counts")
        }
    }

    package mutating func count(seconds: Double) { counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1 }
}
