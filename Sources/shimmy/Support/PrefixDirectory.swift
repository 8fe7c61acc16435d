import Logging
import ShimmyEngine
import ShimmyLlama
import ShimmyModels

/// Where computed prefixes outlive the process.
struct PrefixDirectory: Sendable {
    private let folder: PrefixFolder

    /// - limit: bytes of all models' prefixes together.
    init(path: String, limit: Int, logger: Logger) { folder = PrefixFolder(path: path, limit: limit, logger: logger) }

    /// The store of one model. Cells depend on the weights and on what computed them, so both are part of its identity.
    /// - files: what is loaded.
    /// - contextLength: some models turn positions differently for a longer context, so that the same tokens have other cells.
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

    /// Tells a file from others by its content.
    static func content(of path: String) -> String { FileFingerprint.of(path: path) }
}
