package import ShimmyChat
import ShimmyCore

/// Finds models by their names. Each request finds only the models that it may use (`ModelAccess`).
extension ModelManager {
    /// Returns all models on the disk that the current request may use, without loading any.
    package func list() async -> [ModelRecord] {
        let catalog = await catalog.current()
        return catalog.records.filter(catalog.isAllowed)
    }

    /// Returns the aliases that resolve to a model.
    package func aliases(of record: ModelRecord) async -> [String] { await catalog.latest().aliases(of: record) }

    /// Returns the base of a created model; nil if it has none, or if the current request may not use the base, whose name it must not learn.
    package func base(of record: ModelRecord) async -> String? {
        guard let base = record.base, ModelAccess.current != nil else { return record.base }
        let catalog = await catalog.latest()
        return catalog.resolve(base).map(catalog.isAllowed) ?? false ? base : nil
    }

    /// Returns the number of all aliases that resolve to a model, and of all models that clients created.
    package func nameCounts() async -> (aliases: Int, created: Int) {
        let catalog = await catalog.latest()
        return (catalog.aliasCount, catalog.records.count { $0.creation != nil })
    }

    /// Returns the reasons why aliases do not resolve, by alias.
    package func aliasProblems() async -> [String: String] { await catalog.latest().aliasProblems }

    /// Returns the model with a name. Scans the disk again before it reports an unknown name. A model that the current request may not use is
    /// unknown.
    package func find(_ name: String) async throws(ModelError) -> ModelRecord {
        let latest = await catalog.latest()
        if let record = latest.resolve(name) {
            if latest.isAllowed(record) { return record }
            throw .unknown(name)
        }
        let fresh = await catalog.refreshed()
        if let record = fresh.resolve(name), fresh.isAllowed(record) { return record }
        if await catalog.isStuck { throw .loadFailed(name, reason: DiskWork.NoAnswer().description) }
        let candidates = fresh.candidates(for: name).filter(fresh.isAllowed).map(\.id)
        if candidates.count == 1, let only = fresh.records.first(where: { $0.id == candidates[0] }) { return only }
        throw candidates.isEmpty ? ModelError.unknown(name) : ModelError.ambiguous(name, ids: candidates)
    }

    /// Returns the model with a name, like `find`. Throws `ModelError` if it is known, without loading the model, that it cannot be loaded or
    /// lacks the role; nil for any role.
    package func findUsable(_ name: String, for role: ModelRole? = nil) async throws(ModelError) -> ModelRecord {
        let record = try await find(name)
        if let problem = record.problem { throw .unusable(record.id, reason: problem) }
        guard record.isLoadable else { throw .unusable(record.id, reason: "its file contains no language model (\(record.kind.rawValue))") }
        if let role, !record.roles.contains(role) { throw .lacksRole(record.id, asked: role, has: record.roles) }
        return record
    }

    /// Returns the model for requests that do not name one: the only loaded model, or else the only usable model. Nil if neither exists.
    package func onlyModel() async -> String? {
        let all = await list()
        let loaded = loaded.filter { model in ModelAccess.current == nil || all.contains { $0.id == model.id } }
        if loaded.count == 1 { return loaded[0].id }
        return all.filter(\.isUsable).onlyChoice?.id
    }
}

extension [ModelRecord] {
    /// The model that is meant if none is named: the only one that was found on the disk. Models that are defined on another one count only if no
    /// model was found. Nil if there are several, or none.
    package var onlyChoice: ModelRecord? {
        // The same model can have two ids, with and without the name of its server.
        let found = filter { $0.base == nil && $0.upstream?.hasShortID != true }
        let choices = found.isEmpty ? self : found
        return choices.count == 1 ? choices[0] : nil
    }
}
