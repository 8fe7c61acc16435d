import ShimmyChat
import ShimmyModels
import Synchronization

/// A cache of the properties of tokenizers. Clients of Ollama's API ask for those of all models, and reading a large vocabulary can take a second.
final class KnownTokenizers: Sendable {
    private struct Known {
        let stamps: [FileStamp?]
        let template: String?
        let facts: TokenizerFacts
    }

    private static let most = 64
    private let known = Mutex<[[String]: Known]>([:])

    /// Returns the properties of a model's tokenizer.
    /// - files: the files of the model.
    /// - template: the text of the template that replaces the model's own; nil if none does.
    /// - read: reads the properties from the files.
    func facts(of files: [String], template: String?, read: () throws -> TokenizerFacts) rethrows -> TokenizerFacts {
        // The stamps are read before the files, so that a write in between changes the stamps again.
        let stamps = files.map(FileStamp.init(path:))
        if let known = known.withLock({ $0[files] }), known.stamps == stamps, known.template == template { return known.facts }
        let facts = try read()
        known.withLock { known in
            if known.count >= Self.most { known.removeAll() }
            known[files] = Known(stamps: stamps, template: template, facts: facts)
        }
        return facts
    }
}
