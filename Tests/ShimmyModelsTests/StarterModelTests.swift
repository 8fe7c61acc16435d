import ShimmyModels
import Testing

@Suite struct StarterModelTests {
    @Test(arguments: [
        (0, "Qwen/Qwen3-0.6B-GGUF"), (4_000_000_000, "Qwen/Qwen3-0.6B-GGUF"), (7_800_000_000, "Qwen/Qwen3-4B-GGUF"),
        (7_799_999_999, "Qwen/Qwen3-1.7B-GGUF"), (Int.max, "Qwen/Qwen3-30B-A3B-GGUF"),
    ])
    func theModelFitsInHalfOfTheMemory(budget: Int, repository: String) {
        #expect(StarterModel.fitting(budget).repository == repository)
    }
}
