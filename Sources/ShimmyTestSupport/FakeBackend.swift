package import ShimmyChat
package import ShimmyEngine
import Synchronization

/// A model that answers no requests, for tests of model management.
package final class FakeBackend: TokenizerAccess, EngineInspection {
    package let statistics = EngineStatistics()
    package let facts: TokenizerFacts
    private let state: Mutex<(isStopped: Bool, grammarBytes: Int)>

    /// Makes a backend.
    /// - grammarBytes: the number of bytes of cached grammars that it reports.
    /// - template: the chat template that it reports.
    package init(grammarBytes: Int = 0, template: String = "") {
        state = Mutex((false, grammarBytes))
        facts = TokenizerFacts(beginning: nil, end: nil, template: template)
    }

    /// The model, as a loader returns it.
    package var backend: Backend {
        Backend(contextLength: 16, fingerprint: "fp", tokenizer: self, engine: self) { [self] in state.withLock { $0.isStopped = true } }
    }

    package var isStopped: Bool { state.withLock { $0.isStopped } }
    package var grammarBytes: Int { state.withLock { $0.grammarBytes } }
    package func forgetGrammars() { state.withLock { $0.grammarBytes = 0 } }

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Int32] { [] }
    package func pieces(of tokens: [Int32]) async throws -> [[UInt8]?] { [] }
}
