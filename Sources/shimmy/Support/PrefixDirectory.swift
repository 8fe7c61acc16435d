import Logging
import ShimmyEngine
import ShimmyLlama
import ShimmyModels
import ShimmyPrefixes
import ShimmyServer

/// The directory in which cached prefixes outlive the process.
struct PrefixDirectory: Sendable {
    let path: String
    private let folder: PrefixFolder

    /// Opens the directory.
    /// - limit: the maximum number of bytes of all models' prefixes together.
    init(path: String, limit: Int, logger: Logger) {
        self.path = path
        folder = PrefixFolder(path: path, limit: limit, logger: logger)
    }

    var use: PrefixCacheUse { PrefixCacheUse(bytes: folder.storedBytes, limit: folder.limit) }

    /// Returns the store of one model. Cells depend on the weights and on the code that computed them, so both are part of the store's identity.
    /// - files: the files that are loaded.
    /// - contextLength: the length of the context in tokens. Some models rotate positions differently for a longer context, which gives the same
    ///   tokens other cells.
    func store(for record: ModelRecord, files: [String], contextLength: Int, adapters: [LoRAAdapter]) async throws -> PrefixStore {
        try await onOwnThread(named: "prefixes") {
            var facts = [
                BuildVersion.text, LlamaBackend.build, LlamaBackend.cpuFeatures.joined(), CPUKernels.instructionSet ?? "ggml", "\(contextLength)",
                "\(record.sizeBytes)", "\(record.modified)",
            ]
            facts += files.map { Self.content(of: $0) }
            return try PrefixStore(
                folder: folder, identity: facts.joined(separator: "\u{1f}"), adapters: adapters.map { Self.content(of: $0.path) })
        }
    }

    /// Returns a fingerprint of a file's content.
    static func content(of path: String) -> String { FileFingerprint.of(path: path) }
}
