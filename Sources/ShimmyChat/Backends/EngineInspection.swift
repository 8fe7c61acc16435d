package import ShimmyEngine

/// The engine of a model in this process, for those who look at it and manage its memory.
package protocol EngineInspection: Sendable {
    var statistics: EngineStatistics { get }
    /// The adapters that requests can select; empty if the model has none.
    var adapters: ModelAdapters { get }
    /// The size of the cached grammars of earlier requests, in bytes.
    var grammarBytes: Int { get }
    /// Empties the grammar cache, for instance when another model needs the memory.
    func forgetGrammars()
    /// Asks the engine for a new summary of its cells, which its statistics contain soon after. Does not wait.
    func summarizeCells()
}

extension EngineInspection {
    package var adapters: ModelAdapters { ModelAdapters() }
    package var grammarBytes: Int { 0 }
    package func summarizeCells() {}
    package func forgetGrammars() {}
}
