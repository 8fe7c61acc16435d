import Foundation
import ShimmyLlama
import Synchronization

/// The test data in llama.cpp's source. `make test` sets its path; the default is the build's cache.
enum LlamaSource {
    static var directory: String {
        let environment = ProcessInfo.processInfo.environment
        if let source = environment["SHIMMY_LLAMA_SOURCE"], !source.isEmpty { return source }
        let cache = (environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache") + "/shimmy/source"
        let found = (try? FileManager.default.contentsOfDirectory(atPath: cache))?.sorted().last { $0.hasPrefix("llama.cpp-") }
        return found.map { "\(cache)/\($0)" } ?? "/nonexistent: run make llama"
    }

    static var models: String { directory + "/models" }

    private static let parsed = Mutex<[String: LlamaChatTemplate]>([:])

    /// Returns a chat template of a model family. It is parsed once for all tests, because llama.cpp probes a template when it parses it.
    static func template(_ file: String) throws -> LlamaChatTemplate {
        if let template = parsed.withLock({ $0[file] }) { return template }
        let template = try LlamaChatTemplate(source: try String(contentsOfFile: models + "/templates/" + file, encoding: .utf8))
        parsed.withLock { $0[file] = template }
        return template
    }

    /// All vocabularies.
    static var allVocabularies: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
        return files.filter { $0.hasPrefix("ggml-vocab-") && $0.hasSuffix(".gguf") }.sorted()
    }

    /// The vocabularies that come with texts and their expected tokens.
    static var vocabularies: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
        return files.filter { $0.hasSuffix(".gguf.inp") }.map { String($0.dropLast(".inp".count)) }.sorted()
    }
}

/// The default model, for tests that need real weights.
enum TestModel {
    static var path: String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["SHIMMY_TEST_MODEL"], !path.isEmpty { return path }
        let data = environment["SHIMMY_DATA_DIR"] ?? (environment["XDG_DATA_HOME"] ?? "\(environment["HOME"] ?? "")/.local/share") + "/shimmy"
        return data + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    }
}
