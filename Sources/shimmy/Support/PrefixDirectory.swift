import Foundation
import Logging
import ShimmyEngine
import ShimmyLlama
import ShimmyModels

/// Where computed prefixes outlive the process.
struct PrefixDirectory: Sendable {
    let path: String
    /// Bytes of all models' prefixes together.
    let limit: Int
    let logger: Logger

    /// The store of one model. Cells depend on the weights and on what computed them, so both are part of its identity.
    func store(for record: ModelRecord, adapters: [LoRAAdapter]) throws -> PrefixStore {
        let facts = [LlamaBackend.build, LlamaBackend.cpuFeatures.joined(), "\(record.sizeBytes)"] + record.shards.map(Self.content)
        return try PrefixStore(
            directory: path, identity: facts.joined(separator: "\u{1f}"), adapters: adapters.map { Self.content(of: $0.path) }, limit: limit,
            logger: logger)
    }

    /// Tells a file by its first and last megabytes: header, vocabulary, last weights. All of it would take seconds to read.
    static func content(of path: String) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { return path }
        defer { try? file.close() }
        let sample = 1 << 20
        var bytes = (try? file.read(upToCount: sample)) ?? Data()
        if let end = try? file.seekToEnd(), end > UInt64(2 * sample), (try? file.seek(toOffset: end - UInt64(sample))) != nil {
            bytes += (try? file.read(upToCount: sample)) ?? Data()
        }
        return PrefixStore.fingerprint(of: bytes)
    }
}
