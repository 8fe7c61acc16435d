package import ShimmyChat
package import ShimmyCore

/// An upstream as the fleet calls it: `UpstreamEndpoint`, except in tests.
package protocol UpstreamPeer: Sendable {
    var kind: UpstreamKind { get }

    func models() async throws -> [UpstreamModel]
    func check() async throws
    /// Returns when the first event of the answer has arrived.
    func generate(_ request: ChatRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> sending Answer
    func complete(_ request: TextRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> sending Answer
    func embed(_ request: EmbeddingRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> EmbeddingResult
    func rerank(_ request: RerankRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> RerankResult
    /// Returns when the head of the answer has arrived.
    func forward(_ request: MediaRequest, model: String, context: UpstreamContext) async throws -> MediaAnswer
    func tokenize(_ text: String, model: String, addSpecial: Bool, parseSpecial: Bool, context: UpstreamContext) async throws -> [Token]
    func pieces(of tokens: [Token], model: String, context: UpstreamContext) async throws -> [[UInt8]?]
    func prepare(_ conversation: Conversation, model: String, context: UpstreamContext) async throws -> PreparedPrompt
}

extension UpstreamEndpoint: UpstreamPeer {}

/// Finds out which program runs at the address of an upstream, and makes the upstream.
package struct UpstreamMaker: Sendable {
    package var detect: @Sendable (UpstreamSettings) async throws -> UpstreamKind
    package var make: @Sendable (UpstreamSettings, UpstreamKind) -> any UpstreamPeer

    package init(
        detect: @escaping @Sendable (UpstreamSettings) async throws -> UpstreamKind,
        make: @escaping @Sendable (UpstreamSettings, UpstreamKind) -> any UpstreamPeer
    ) {
        self.detect = detect
        self.make = make
    }

    /// - client: the HTTP client of all upstreams.
    package init(client: UpstreamClient) {
        detect = { try await UpstreamEndpoint.detect($0, client: client) }
        make = { UpstreamEndpoint($0, kind: $1, client: client) }
    }
}
