import Foundation

extension [ModelRecord] {
    /// Adds to each model the adapters of its architecture, those in its folder first. Whether an adapter fits is checked when the model is
    /// loaded.
    func withAdapters() -> [ModelRecord] {
        func folder(_ path: String) -> String { (path as NSString).deletingLastPathComponent }
        let adapters = Dictionary(grouping: filter { $0.kind == .adapter && $0.problem == nil }) { $0.architecture }
        return map { record in
            guard record.kind == .model, let found = adapters[record.architecture] else { return record }
            var record = record
            let beside = found.filter { folder($0.path) == folder(record.path) }
            record.adapters += (beside + found.filter { folder($0.path) != folder(record.path) }).map {
                LoRAAdapter(name: $0.id, path: $0.path, scale: 0, isRequired: false)
            }
            return record
        }
    }

    /// Adds to each model the projector in its folder, for images or audio. In a folder of several models, a projector that states the length of
    /// its embeddings belongs to the models with embeddings of that length. Older projectors state a different number there; a projector that
    /// matches no model of its folder belongs to all of them.
    func withProjectors() -> [ModelRecord] {
        func folder(_ record: ModelRecord) -> String { (record.path as NSString).deletingLastPathComponent }
        let models = Dictionary(grouping: filter { $0.kind == .model && !$0.isFolder }, by: folder)
        let lengths = models.mapValues { Set($0.compactMap(\.embeddingLength)) }
        let projectors = Dictionary(grouping: filter { $0.kind == .projector && $0.problem == nil }, by: folder)
        return map { record in
            guard record.kind == .model, !record.isFolder, record.projector == nil, let beside = projectors[folder(record)] else { return record }
            let suitable = beside.filter { projector in
                guard let length = projector.embeddingLength, lengths[folder(record)]?.contains(length) == true else { return true }
                return length == record.embeddingLength
            }
            var record = record
            // If there are several, the largest one is the most precise.
            record.projector = suitable.max { ($0.sizeBytes, $1.path) < ($1.sizeBytes, $0.path) }?.path
            return record
        }
    }
}
