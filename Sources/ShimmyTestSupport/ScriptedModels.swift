import Logging
package import ShimmyChat
import ShimmyCore
import ShimmyEngine
package import ShimmyModels

extension ModelManager {
    /// Makes a manager of scripted models.
    /// - models: the names of the models, and how they load. The names of embedding models begin with `embedder`, those of rerankers with `judge`,
    ///   and those of models of an upstream server with `remote`.
    package static func scripted(_ models: [String: @Sendable () throws -> Backend]) -> ModelManager {
        let records = models.keys.sorted().map { name in
            if name.hasPrefix("remote") {
                return ModelRecord(id: name, upstream: UpstreamReference(key: name, servers: ["gpu"]), role: .chat, contextLength: nil)
            }
            let kind: ModelKind = name.hasPrefix("embedder") ? .embedding : name.hasPrefix("judge") ? .reranker : .model
            return ModelRecord(id: name, path: "/\(name)", source: .shimmy, kind: kind, sizeBytes: 1, modified: 0, shards: [])
        }
        return ModelManager(
            limits: .init(budget: 1000), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            scan: { ModelCatalog(records: records) }, estimate: { _, _ in MemoryUse(weights: 1) },
            upstream: { try? models[$0.key]?() }
        ) { record, _, _ in LoadedModel(backend: try models[record.id]!(), memory: MemoryUse(weights: 1)) }
    }
}
