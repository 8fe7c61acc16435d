package import ShimmyJSON
package import ShimmyModels

/// The models of this machine as clients read and change them. When a change returns, it is on the disk; the caller then scans the disk.
package protocol ModelLibrary: Sendable {
    /// Whether models are computed on a GPU.
    var usesGPU: Bool { get }

    /// Returns the metadata in the header of a model's file, by key. Arrays are null. Throws if the file cannot be read.
    func metadata(of record: ModelRecord) async throws -> JSONObject

    /// Returns whether a text is a chat template in Jinja.
    func isTemplate(_ text: String) async throws -> Bool

    /// Gives a model another name. Throws `ModelLibraryRefusal` if the name cannot be used.
    /// - all: all models on the disk.
    func addAlias(_ name: String, of record: ModelRecord, among all: [ModelRecord]) async throws

    /// Adds a model on top of another one, or replaces the created model of that name. Throws `ModelLibraryRefusal` if the name cannot be used.
    /// - all: all models on the disk.
    func create(_ model: CreatedModel, among all: [ModelRecord]) async throws

    /// Adds a GGUF file to Shimmy's own models. Throws `ModelLibraryRefusal` if the file or the name cannot be used.
    /// - Returns: the path of the model's file.
    func add(file: String, as name: String) async throws -> String

    /// Plans the removal of a name: of an alias, of a created model, or of a model whose files belong to Shimmy. Throws `ModelLibraryRefusal` for
    /// models that belong to others, and `ModelError.unknown` if the name is only similar to the model's name.
    /// - record: the model that the name means.
    /// - all: all models on the disk.
    func removal(of name: String, _ record: ModelRecord, among all: [ModelRecord]) async throws -> ModelRemovalPlan
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

    package init(_ description: String) { self.description = description }
}
