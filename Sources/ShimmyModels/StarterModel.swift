/// A model to begin with, for users who have none.
package struct StarterModel: Sendable, Equatable {
    /// The repository on the hub.
    package let repository: String
    /// The memory that the model takes with a context of 8192 tokens, in bytes.
    package let memory: Int

    /// The models, the largest first.
    private static let all = [
        StarterModel(repository: "Qwen/Qwen3-30B-A3B-GGUF", memory: 20_000_000_000),
        StarterModel(repository: "Qwen/Qwen3-8B-GGUF", memory: 6_500_000_000),
        StarterModel(repository: "Qwen/Qwen3-4B-GGUF", memory: 3_900_000_000),
        StarterModel(repository: "Qwen/Qwen3-1.7B-GGUF", memory: 2_900_000_000),
        StarterModel(repository: "Qwen/Qwen3-0.6B-GGUF", memory: 1_600_000_000),
    ]

    /// Returns the largest model that takes at most half of the memory, so that it is fast and leaves room for another one; else the smallest model.
    /// - budget: the number of bytes that all models may use together.
    package static func fitting(_ budget: Int) -> StarterModel { all.first { $0.memory <= budget / 2 } ?? all[all.count - 1] }
}
