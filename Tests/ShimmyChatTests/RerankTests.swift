import ShimmyChat
import ShimmyCore
import ShimmyEngine
import Synchronization
import Testing

/// The token sequences that a reranking model receives for a query and a document.
@Suite(.timeLimit(.minutes(1))) struct RerankTests {
    /// A vocabulary of bytes. Token 301 at the start marks a text that gets special tokens, and token 302 one that is parsed for them.
    private struct ScriptedVocabulary: Vocabulary {
        let tokenCount = 400
        let pairFormat: PairFormat

        func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
            var tokens: [Token] = []
            if addSpecial { tokens.append(301) }
            if parseSpecial { tokens.append(302) }
            for byte in text.utf8 { tokens.append(Token(byte)) }
            return tokens
        }

        func piece(of token: Token, special: Bool) -> [UInt8] { [] }
    }

    private final class Seen: Sendable {
        let texts = Mutex<[[Token]]>([])
    }

    /// A runner that returns the number of tokens and 0 for each text.
    private struct Runner: EmbeddingRunner {
        let limits = EmbeddingLimits(contextLength: 64, batchTokens: 64, batchTexts: 4, dimensions: 2)
        let seen: Seen

        func run(_ texts: [[Token]]) throws -> [[Float]] {
            seen.texts.withLock { $0 += texts }
            return texts.map { [Float($0.count), 0] }
        }
    }

    /// Returns the token sequences that the model receives.
    private func pairs(_ format: PairFormat, _ query: String, _ documents: String...) async throws -> [[Token]] {
        let seen = Seen()
        let engine = try await EmbeddingEngine.start(name: "test") { Runner(seen: seen) }
        let reranker = LocalReranker(vocabulary: ScriptedVocabulary(pairFormat: format), engine: engine)
        let result = try await reranker.rerank(RerankRequest(query: query, documents: documents), terms: ServiceTerms())
        await engine.shutdown()
        let texts = seen.texts.withLock { $0 }
        #expect(result.scores == texts.map { Float($0.count) })
        #expect(result.promptTokens == texts.reduce(0) { $0 + $1.count })
        return texts
    }

    private func bytes(_ text: String) -> [Token] { text.utf8.map { Token($0) } }
    private func tokens(_ parts: [Token]...) -> [Token] { parts.flatMap { $0 } }

    @Test func bertHasAMarkBeforeAndOneAfterEachText() async throws {
        let texts = try await pairs(.marks(beginning: 1, ending: 2, separator: nil), "who", "me", "")
        #expect(texts == [tokens([1], bytes("who"), [2], bytes("me"), [2]), tokens([1], bytes("who"), [2, 2])])
    }

    @Test func robertaHasTwoMarksBetweenTheTexts() async throws {
        let texts = try await pairs(.marks(beginning: 0, ending: 2, separator: 2), "who", "me")
        #expect(texts == [tokens([0], bytes("who"), [2, 2], bytes("me"), [2])])
    }

    @Test func marksThatAVocabularyDoesNotAddAreLeftOut() async throws {
        let separated = try await pairs(.marks(beginning: nil, ending: nil, separator: 3), "who", "me")
        #expect(separated == [tokens(bytes("who"), [3], bytes("me"))])
        let bare = try await pairs(.marks(beginning: nil, ending: nil, separator: nil), "who", "me")
        #expect(bare == [bytes("whome")])
    }

    @Test func aTemplateIsReadWithItsMarks() async throws {
        let texts = try await pairs(.template("<q>{query}<d>{document}</d> {query}?"), "who", "me", "you")
        #expect(texts == [tokens([302], bytes("<q>who<d>me</d> who?")), tokens([302], bytes("<q>who<d>you</d> who?"))])
    }

    @Test func textsAreNoTemplates() async throws {
        let texts = try await pairs(.template("{query}: {document}"), "a {document}", "b {query} {document}")
        #expect(texts == [tokens([302], bytes("a {document}: b {query} {document}"))])
    }

    @Test func aPairWithoutTokensIsRefused() async throws {
        await #expect(throws: GenerationError.emptyInput(0)) { _ = try await pairs(.marks(beginning: nil, ending: nil, separator: nil), "", "") }
    }
}
