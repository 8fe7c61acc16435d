/// The part of an upstream's model that passes on requests for media.
package protocol MediaForwarder: Sendable {
    /// Sends a request to a server that has the model. Returns when the head of the answer has arrived; later failures are thrown by the answer.
    func forward(_ request: MediaRequest, terms: ServiceTerms) async throws -> MediaAnswer
}
