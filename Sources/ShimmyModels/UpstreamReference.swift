package import ShimmyChat

/// A model that upstream servers have, as the catalog of models knows it.
package struct UpstreamReference: Sendable, Equatable {
    /// The id under which the servers are found. It stays the same for other names of the model.
    package var key: String
    /// The names of the servers that have the model, in the order of the configuration.
    package var servers: [String]
    /// Whether the model also has an id without the name of a server, which is then preferred.
    package var hasShortID = false
    /// The capabilities of the model besides its role, as far as a server reports them: `tools`, `thinking`, `vision`, `audio`.
    package var abilities: [String] = []
    /// The kinds of media that the model may read: all kinds except those that a server excludes.
    package var media = MediaKinds.all

    package init(key: String, servers: [String]) {
        self.key = key
        self.servers = servers
    }
}

extension ModelRecord {
    /// Makes the record of a model of upstream servers.
    /// - contextLength: the max length of prompt and answer, in tokens; nil if unknown.
    /// - created: the Unix time at which the model was made, or was first seen; 0 if unknown.
    package init(id: String, upstream: UpstreamReference, role: ModelRole, contextLength: Int?, created: Int = 0) {
        let kind: ModelKind =
            switch role {
            case .chat: .model
            case .embeddings: .embedding
            case .rerank: .reranker
            }
        self.init(id: id, path: "", source: .upstream, kind: kind, sizeBytes: 0, modified: created, shards: [])
        self.contextLength = contextLength
        self.upstream = upstream
    }
}

extension [ModelRecord] {
    /// Returns the records with those of upstream servers. A model on the disk keeps its name.
    func adding(upstreams: [ModelRecord]) -> [ModelRecord] {
        let taken = Set(map { ModelCatalog.normalized($0.id) })
        return self + upstreams.filter { !taken.contains(ModelCatalog.normalized($0.id)) }
    }

    /// Returns the records that a name prefers among equally close ones: models on the disk, then ids without the name of a server.
    var preferred: [ModelRecord] {
        guard count > 1, contains(where: { $0.upstream != nil }) else { return self }
        let own = filter { $0.upstream == nil }
        if !own.isEmpty { return own }
        let short = filter { $0.upstream?.hasShortID != true }
        return short.isEmpty ? self : short
    }
}
