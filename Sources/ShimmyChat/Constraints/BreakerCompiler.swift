import ShimmyCore
import ShimmyEngine
import Synchronization

/// Finds the tokens that contain the sequence breakers of a repetition penalty (DRY). Results are cached, since a search scans the whole vocabulary.
final class BreakerCompiler: Sendable {
    private let vocabulary: any Vocabulary
    private let cache = Mutex<[[String]: SequenceBreakers]>([:])
    /// The maximum number of cached sets of breaker texts. Most clients send the same set.
    private static let capacity = 16

    init(vocabulary: any Vocabulary) { self.vocabulary = vocabulary }

    func breakers(for sampling: SamplingParameters) -> SequenceBreakers {
        guard let texts = sampling.dry?.breakers, !texts.isEmpty else { return SequenceBreakers() }
        if let known = cache.withLock({ $0[texts] }) { return known }
        let breakers = compile(texts.filter { !$0.isEmpty })
        cache.withLock { cache in
            if cache.count >= Self.capacity { cache.removeAll() }
            cache[texts] = breakers
        }
        return breakers
    }

    private func compile(_ texts: [String]) -> SequenceBreakers {
        let texts = texts.map { Array($0.utf8) }
        // For each text and each length of its first bytes: the tokens of the remaining bytes, for a token that ends with those first bytes.
        let tails = texts.map { text in
            (1..<max(1, text.count)).map { vocabulary.tokenize(String(decoding: text[$0...], as: UTF8.self), addSpecial: false, parseSpecial: false) }
        }
        var found: [Token: [[Token]]] = [:]
        for token in 0..<Token(vocabulary.tokenCount) {
            let piece = vocabulary.piece(of: token)
            for (text, tails) in zip(texts, tails) where !piece.isEmpty {
                if piece.holds(text) {
                    found[token, default: []].append([])
                } else {
                    for length in 1..<max(1, text.count) where piece.suffix(length).elementsEqual(text.prefix(length)) {
                        found[token, default: []].append(tails[length - 1])
                    }
                }
            }
        }
        return SequenceBreakers(found)
    }
}

extension Array<UInt8> {
    fileprivate func holds(_ part: [UInt8]) -> Bool {
        guard part.count <= count else { return false }
        return (0...(count - part.count)).contains { start in self[start] == part[0] && self[start..<(start + part.count)].elementsEqual(part) }
    }
}
