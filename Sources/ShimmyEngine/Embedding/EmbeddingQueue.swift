import ShimmyCore

/// The queue of texts to embed. It decides which texts are computed together. Its decisions are pure: it calls no C code, reads no clock and never
/// waits.
///
/// Owners take turns by the service that they received, as with sequences. A batch is filled with any texts that still fit.
struct EmbeddingQueue {
    /// The origin of a text: the number of its request, and its index in the request.
    struct Origin: Hashable {
        let request: UInt64
        let index: Int
    }

    private struct Waiting {
        let origin: Origin
        let tokens: [Token]
        let owner: Owner
    }

    private let limits: EmbeddingLimits
    private var shares = FairShare()
    /// In order of arrival.
    private var waiting: [Waiting] = []

    init(limits: EmbeddingLimits) { self.limits = limits }

    var count: Int { waiting.count }

    mutating func add(_ request: UInt64, _ texts: [[Token]], owner: Owner) {
        for (index, tokens) in texts.enumerated() {
            precondition(tokens.count <= limits.contextLength)
            shares.enter(owner)
            waiting.append(Waiting(origin: Origin(request: request, index: index), tokens: tokens, owner: owner))
        }
    }

    mutating func remove(_ request: UInt64) {
        for text in waiting where text.origin.request == request { shares.leave(text.owner) }
        waiting.removeAll { $0.origin.request == request }
    }

    /// Removes and returns the texts of the next batch; none when nothing waits.
    /// - tokens: the max number of tokens; a batch has at least one text in any case.
    mutating func nextBatch(atMost tokens: Int = .max) -> [(origin: Origin, tokens: [Token])] {
        var batch: [Waiting] = []
        var room = min(limits.batchTokens, max(1, tokens))
        var remaining = waiting
        while batch.count < limits.batchTexts, room > 0 {
            // The least served owner comes first, with its first text that fits.
            let fits = { (text: Waiting) in text.tokens.count <= room || batch.isEmpty }
            let owners = remaining.filter(fits).map(\.owner)
            guard let owner = owners.min(by: { shares.service(of: $0) < shares.service(of: $1) }),
                let index = remaining.firstIndex(where: { $0.owner == owner && fits($0) })
            else { break }
            let text = remaining.remove(at: index)
            // Each text costs something; otherwise an owner of empty texts would always come first.
            shares.charge(owner, Double(max(1, text.tokens.count)))
            room -= text.tokens.count
            batch.append(text)
        }
        for text in batch { shares.leave(text.owner) }
        waiting = remaining
        return batch.map { ($0.origin, $0.tokens) }
    }
}
