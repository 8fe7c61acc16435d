package import ShimmyAPI
package import ShimmyChat
package import ShimmyJSON

/// An answer that is read while it is made, in the form of its dialect. Only one task may use it.
package protocol RunningAnswer: AnyObject {
    /// Returns the next bytes of the stream, possibly none; nil after the last ones.
    func nextBytes() async throws -> [UInt8]?

    /// Returns the next values of the stream, possibly none; nil after the last ones. For a transport that has messages of its own.
    func nextValues() async throws -> [JSON]?

    /// Returns the whole answer, after waiting for its end. Throws the reason why there is none.
    func whole() async throws -> WholeAnswer

    /// Ends the stream's work, because its bytes can no longer be sent. Returns when what has to be stored is stored.
    func abandon() async
}

package struct WholeAnswer: Sendable {
    package let json: JSON
    /// The reason why the answer is not stored although it should be; nil otherwise.
    package var obstacle: APIError?
    /// What became known about the answer after its beginning.
    package var report = AnswerReport()
}
