package import ShimmyChat
package import ShimmyEngine
import Synchronization

/// A backend that answers no requests, for tests of model management.
package final class FakeBackend: Backend {
    package let contextLength = 16
    package let fingerprint = "fp"
    package let statistics = EngineStatistics()
    package let tokenizer = TokenizerFacts(beginning: nil, end: nil, template: "")
    private let state: Mutex<(isStopped: Bool, grammarBytes: Int)>

    /// Makes a backend.
    /// - grammarBytes: the number of bytes of cached grammars that it reports.
    package init(grammarBytes: Int = 0) { state = Mutex((false, grammarBytes)) }

    package var isStopped: Bool { state.withLock { $0.isStopped } }
    package var grammarBytes: Int { state.withLock { $0.grammarBytes } }
    package func forgetGrammars() { state.withLock { $0.grammarBytes = 0 } }

    package func prepare(_ conversation: Conversation) async throws -> PreparedPrompt { throw GenerationError.emptyPrompt }
    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Int32] { [] }
    package func pieces(of tokens: [Int32]) async throws -> [[UInt8]?] { [] }
    package func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer { throw GenerationError.emptyPrompt }
    package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer { throw GenerationError.emptyPrompt }
    package func shutdown() async { state.withLock { $0.isStopped = true } }
}
