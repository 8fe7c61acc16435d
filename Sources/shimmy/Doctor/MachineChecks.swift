import Foundation
import ShimmyCore
import ShimmyLlama
import ShimmyModels

/// Checks of the program and of the machine: build, processor, memory, open files and clock.
enum MachineChecks {
    static var findings: [Finding] { [build, processor, gpu, memory, openFiles, clock] }

    private static var build: Finding { .fine("build", "Shimmy \(BuildVersion.text) with llama.cpp \(LlamaBackend.build)") }

    private static var processor: Finding {
        let cores = "\(ProcessorTopology.physicalCores) physical cores"
        guard let set = CPUKernels.bestInstructionSet else {
            return .warning(
                "processor", "\(cores), without AVX-512 VNNI, AVX-VNNI and AVX2", "Answers are slow on this processor; choose a small model.")
        }
        return .fine("processor", "\(cores), kernels for \(set)")
    }

    private static var gpu: Finding {
        let names = LlamaBackend.devices.filter(\.isGPU).map(\.description)
        return .fine("gpu", names.isEmpty ? "none detected; models run on the processor" : names.joined(separator: ", "))
    }

    private static var memory: Finding {
        let budget = Environment.process.memoryBudget
        let text = "\(Console.size(MachineMemory.totalBytes)), of which models may use \(Console.size(budget))"
        if budget > MachineMemory.totalBytes {
            return .warning("memory", text, "The budget is larger than the memory, so that loading can end the server; lower memory_budget.")
        }
        if budget < 1_000_000_000 { return .warning("memory", text, "Few models fit in less than 1 GB.") }
        return .fine("memory", text)
    }

    private static var openFiles: Finding {
        let files = OpenFiles.raiseLimit()
        let text = "\(files), enough for \(OpenFiles.connections(within: files)) connections"
        return files < 1024 ? .warning("open files", text, "Raise the limit with 'ulimit -n'.") : .fine("open files", text)
    }

    /// 2025-01-01, which is before the first version of the program.
    private static let earliest = Date(timeIntervalSince1970: 1_735_689_600)

    private static var clock: Finding {
        let text = Date.now.formatted(.iso8601)
        return Date.now < earliest
            ? .problem("clock", "it says \(text)", "Set the clock: otherwise downloads fail, and stored objects are deleted at the wrong time.")
            : .fine("clock", text)
    }
}
