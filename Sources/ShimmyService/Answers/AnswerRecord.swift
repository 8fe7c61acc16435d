import ShimmyAPI
import ShimmyJSON

/// Where an answer is stored, while it is made and at its end.
protocol AnswerRecord<Dialect>: Sendable {
    associatedtype Dialect: AnswerDialect

    /// Whether each value is stored before it is sent, so that a stream can restart.
    var keepsValues: Bool { get }
    /// Whether the answer must be stored, because the client asked for it or another object continues from it. Otherwise the answer is made
    /// even if it cannot be stored.
    var isRequired: Bool { get }

    /// Stores further values of the stream. Returns false if the answer was deleted meanwhile.
    func append(_ values: [JSON]) async throws -> Bool

    /// Stores the final state of the answer and its last values.
    func finish(_ dialect: Dialect, _ values: [JSON]) async throws

    /// Stores the final state as `finish` does, and retries until that succeeds.
    func finishLater(_ dialect: Dialect, _ values: [JSON])

    /// Deletes what was stored, and retries until that succeeds.
    func leave()
}

extension AnswerRecord {
    /// Stores the final state as `finish` does, or retries until that succeeds.
    func finishSurely(_ dialect: Dialect, _ values: [JSON]) async {
        do {
            try await finish(dialect, values)
        } catch {
            finishLater(dialect, values)
        }
    }
}
