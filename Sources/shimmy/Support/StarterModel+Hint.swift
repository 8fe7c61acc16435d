import ShimmyModels

extension StarterModel {
    /// The advice for a user without models, with a model that fits in the memory.
    static var hint: String {
        "'shimmy pull \(fitting(Environment.process.memoryBudget).repository)' fetches one that fits this machine"
    }
}
