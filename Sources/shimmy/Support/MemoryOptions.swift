import ArgumentParser
import ShimmyConfiguration
import ShimmyModels

/// The option that limits the memory of loaded models.
struct MemoryOptions: ParsableArguments {
    @Option(help: .setting(.memoryBudget), transform: ByteSize.parse)
    var memoryBudget: Int?

    /// The number of bytes that all loaded models may use together. Throws `ValidationError` if the environment's value is not a size.
    var budget: Int {
        get throws { try memoryBudget ?? Environment.process.size(.memoryBudget) ?? MachineMemory.defaultBudget }
    }
}
