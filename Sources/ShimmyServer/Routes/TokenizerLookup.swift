import Logging
import ShimmyChat
import ShimmyModels

/// Describes models to clients, loaded or not, without loading them.
struct TokenizerLookup: Sendable {
    let models: ModelManager
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let plannedContext: @Sendable (ModelRecord) -> Int?
    /// Reads a model's tokenizer from its file.
    let read: @Sendable (ModelRecord) async throws -> TokenizerFacts

    /// Returns the tokenizer of a model; nil if it cannot be read without loading the model. Throws `CancellationError` only.
    func facts(of record: ModelRecord, _ logger: Logger) async throws -> TokenizerFacts? {
        if let backend = models.loadedBackend(record) { return backend.tokenizer.facts }
        do {
            return try await read(record)
        } catch let error where !(error is CancellationError) {
            logger.info("tokenizer cannot be read without loading the model", metadata: ["model": "\(record.id)", "error": "\(error)"])
            return nil
        }
    }

    func contextLength(of record: ModelRecord) -> Int? { models.loadedBackend(record)?.knownContextLength ?? plannedContext(record) }
}
