package import ShimmyJSON
package import ShimmyModels

/// The models of this machine as clients read and change them. When a change returns, it is on the disk; the caller then scans the disk.
package protocol ModelLibrary: Sendable {
    /// Whether models are computed on a GPU.
    var usesGPU: Bool { get }

    /// Returns the metadata in the header of a model's file, by key. Arrays are null. Throws if the file cannot be read.
    func metadata(of record: ModelRecord) async throws -> JSONObject

    /// Returns the reason why a text is not a chat template in Jinja; nil if it is one.
    func problem(ofTemplate text: String) async throws -> String?

    /// Gives a model another name. Throws `ModelLibraryRefusal` if the name cannot be used.
    /// - all: all models on the disk.
    func addAlias(_ name: String, of record: ModelRecord, among all: [ModelRecord]) async throws

    /// Adds a model on top of another one, or replaces the created model of that name. Throws `ModelLibraryRefusal` if the name or the file cannot be
    /// used; nothing is changed then.
    /// - file: a GGUF file with the weights of the model; nil for those of its base.
    /// - all: all models on the disk.
    func create(_ model: CreatedModel, from file: String?, among all: [ModelRecord]) async throws

    /// Plans the removal of a name: of an alias, of a created model, or of a model whose files belong to Shimmy. Weights that another name needs
    /// remain. Throws `ModelLibraryRefusal` for models that belong to others, and `ModelError.unknown` if the name is only similar to the model's
    /// name.
    /// - record: the model that the name means.
    /// - all: all models on the disk.
    func removal(of name: String, _ record: ModelRecord, among all: [ModelRecord]) async throws -> ModelRemovalPlan

    /// Removes the aliases and created models of a name whose base is gone. Returns whether there were any.
    func forget(_ name: String) async throws -> Bool
}

/// A removal that can begin.
package struct ModelRemovalPlan: Sendable {
    /// Whether the model must be freed first.
    package let frees: Bool
    package let run: @Sendable () async throws -> Void

    package init(frees: Bool, run: @escaping @Sendable () async throws -> Void) {
        self.frees = frees
        self.run = run
    }
}

/// The reason why a change of the models is refused.
package struct ModelLibraryRefusal: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// Whether the request is fine, but the disk cannot be written, for example because it is full.
    package let isOfDisk: Bool

    /// Whether the reason is the file with the weights, not the name.
    package let isOfFile: Bool

    package init(_ description: String, isOfDisk: Bool = false, isOfFile: Bool = false) {
        self.description = description
        self.isOfDisk = isOfDisk
        self.isOfFile = isOfFile
    }
}
