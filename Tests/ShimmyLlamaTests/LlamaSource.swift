import Foundation

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
