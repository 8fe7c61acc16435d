import ArgumentParser
import ShimmyConfiguration
import ShimmyModels

/// The option that limits the memory of loaded models.
struct MemoryOptions: ParsableArguments {
    @Option(
        help: "Max bytes of memory for all models together, such as 6G. Default: four fifths of the machine's memory. [SHIMMY_MEMORY_BUDGET]",
        transform: ByteSize.parse)
    var memoryBudget: Int?

    /// The number of bytes that all loaded models may use together. Throws `ValidationError` if the environment's value is not a size.
    var budget: Int {
        get throws { try memoryBudget ?? Environment.process.string("SHIMMY_MEMORY_BUDGET").map(ByteSize.parse) ?? MachineMemory.defaultBudget }
    }
}
