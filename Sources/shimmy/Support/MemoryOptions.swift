import ArgumentParser
import ShimmyModels

/// How much memory models may take.
struct MemoryOptions: ParsableArguments {
    @Option(
        help: "Bytes of memory that models may take together, such as 6G. Default: four fifths of the machine's. [SHIMMY_MEMORY_BUDGET]",
        transform: ByteSize.parse)
    var memoryBudget: Int?

    /// Throws `ValidationError` for a size in the environment that is none.
    var budget: Int {
        get throws { try memoryBudget ?? Environment.process.string("SHIMMY_MEMORY_BUDGET").map(ByteSize.parse) ?? MachineMemory.defaultBudget }
    }
}
