import ArgumentParser
import ShimmyLlama
import ShimmyModels

struct InfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Print the build, CPU features, devices and directories.")

    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let environment = Environment.process
        let directories = environment.directories
        var rows = [
            ["shimmy", BuildVersion.full],
            ["llama.cpp", LlamaBackend.build],
            ["CPU features", LlamaBackend.cpuFeatures.joined(separator: ", ")],
            ["CPU kernels", Self.kernels],
            ["physical cores", "\(ProcessorTopology.physicalCores)"],
        ]
        for device in LlamaBackend.devices {
            rows.append([device.isGPU ? "GPU" : "device", "\(device.name): \(device.description), \(Console.size(device.totalBytes))"])
        }
        if !LlamaBackend.devices.contains(where: \.isGPU) { rows.append(["GPU", "none detected by llama.cpp"]) }
        rows += [["models", directories.models], ["data", directories.data], ["cache", directories.cache], ["state", directories.state]]
        rows.append(["configuration", ProcessConfiguration.shared.path])
        Console.print(Console.table(rows))
    }

    private static var kernels: String {
        guard let set = CPUKernels.bestInstructionSet else {
            return "ggml's own: this processor has none of AVX-512 VNNI, AVX-VNNI and AVX2"
        }
        return "Shimmy's for \(set): \(CPUKernels.formats.joined(separator: ", ")); ggml's for other formats"
    }
}
