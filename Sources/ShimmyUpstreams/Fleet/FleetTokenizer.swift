import ShimmyChat
import ShimmyCore

/// The tokenizer of a model's replicas, if their servers offer it.
struct FleetTokenizer: TokenizerAccess {
    let fleet: UpstreamFleet
    let offer: String

    /// An upstream keeps its template to itself.
    var facts: TokenizerFacts { TokenizerFacts(beginning: nil, end: nil, template: "") }

    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token] {
        let context = try UpstreamContext.current(for: offer)
        return try await fleet.call(offer, FleetPrompt()) { place in
            try await place.peer.tokenize(text, model: place.model, addSpecial: addSpecial, parseSpecial: parseSpecial, context: context)
        }
    }

    func pieces(of tokens: [Token]) async throws -> [[UInt8]?] {
        let context = try UpstreamContext.current(for: offer)
        return try await fleet.call(offer, FleetPrompt()) { place in
            try await place.peer.pieces(of: tokens, model: place.model, context: context)
        }
    }
}
