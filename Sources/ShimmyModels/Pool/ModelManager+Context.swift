import ShimmyCore
import ShimmyEngine
import Synchronization

/// The context length that requests ask for.
extension ModelManager {
    /// Returns the settings of a model: the configured ones, with the context length that a request asked for if it is longer, and pinned as a
    /// request asked for.
    func settings(_ record: ModelRecord) -> ModelSettings {
        var settings = configured(record)
        let (context, isPinned) = state.withLock { ($0.contexts[record.loaded.id], $0.pins[record.loaded.id]) }
        if let context { settings.contextLength = max(context, settings.contextLength ?? 0) }
        if let isPinned { settings.isPinned = isPinned }
        return settings
    }

    /// Gives a model a longer context than it has. If it is loaded, it serves no new requests until its last user is done and it is reloaded.
    /// Throws `ModelError.tooLarge` or `.noPlace` if the longer context does not fit into the memory for models; the model then stays as it is.
    /// - tokens: the new context length.
    package func extendContext(of record: ModelRecord, to tokens: Int) async throws {
        // The context of an upstream server's model is the server's.
        if record.upstream != nil { return }
        let record = record.loaded
        if state.withLock({ $0.contexts[record.id] ?? 0 }) >= tokens { return }
        var longer = settings(record)
        longer.contextLength = max(tokens, longer.contextLength ?? 0)
        let memory: MemoryUse
        do {
            memory = try await estimated(record, longer)
        } catch let error as DiskWork.NoAnswer {
            throw ModelError.loadFailed(record.id, reason: error.description)
        }
        let refusal = state.withLock { state -> ModelError? in
            if let refusal = state.pool.neverFits(record.id, Pool.Terms(memory: memory)) { return refusal }
            state.contexts[record.id] = max(tokens, state.contexts[record.id] ?? 0)
            return nil
        }
        if let refusal { throw refusal }
        if state.withLock({ $0.pool.isWanted(record.id) }) { retire(record.id, .settings) }
    }
}
