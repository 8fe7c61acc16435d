import ShimmyJSON
import ShimmyModels
import ShimmyService
import Synchronization

/// A library without files, which records the changes.
final class ScriptedLibrary: ModelLibrary {
    struct Changes {
        /// The names of models by alias.
        var aliases: [String: String] = [:]
        var created: [CreatedModel] = []
        var removed: [String] = []
    }

    let usesGPU = false
    var changes: Changes { state.withLock { $0 } }
    private let state = Mutex(Changes())
    private let metadata: JSONObject
    private let refusal: ModelLibraryRefusal?
    private let ghost: String?

    /// - metadata: the metadata of all models.
    /// - refusal: the answer to all changes; nil to allow them.
    /// - ghost: a name whose model is gone.
    init(metadata: JSONObject = [:], refusal: ModelLibraryRefusal? = nil, ghost: String? = nil) {
        self.ghost = ghost
        self.metadata = metadata
        self.refusal = refusal
    }

    func metadata(of record: ModelRecord) async throws -> JSONObject { metadata }

    func problem(ofTemplate text: String) async throws -> String? { text.contains("messages") ? nil : "the parser's words" }

    func addAlias(_ name: String, of record: ModelRecord, among all: [ModelRecord]) async throws {
        try change { $0.aliases[name] = record.id }
    }

    func create(_ model: CreatedModel, from file: String?, among all: [ModelRecord]) async throws { try change { $0.created.append(model) } }

    func removal(of name: String, _ record: ModelRecord, among all: [ModelRecord]) async throws -> ModelRemovalPlan {
        ModelRemovalPlan(frees: false) { [self] in try change { $0.removed.append(record.id) } }
    }

    func forget(_ name: String) async throws -> Bool {
        guard name == ghost else { return false }
        try change { $0.removed.append(name) }
        return true
    }

    private func change(_ body: (inout Changes) -> Void) throws {
        if let refusal { throw refusal }
        state.withLock { body(&$0) }
    }
}
