import Synchronization

/// Pins that requests ask for.
extension ModelManager {
    /// Pins a model or ends its pin, until a request frees the model or the process ends; then the pin of the settings applies again. A pinned model
    /// stays loaded even if other models need its memory. To pin a model, the caller must hold a lease of it, so that it is loaded.
    package func setPin(_ isPinned: Bool, of record: ModelRecord) {
        // The model of an upstream server takes no memory here.
        if record.upstream != nil { return }
        let record = record.loaded
        let isConfigured = configured(record).isPinned == isPinned
        state.withLock { $0.pins[record.id] = isConfigured ? nil : isPinned }
        hold(record.id, settings(record))
    }
}
