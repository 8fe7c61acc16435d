import ArgumentParser
import ShimmyLlama
import ShimmyModels

struct InfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Print the build, the processor's features, the devices and the directories.")

    func run() async throws {
        let environment = Environment.process
        let directories = Directories.standard(environment: environment.values, home: environment.home)
        var rows = [
            ["shimmy", BuildVersion.text],
            ["llama.cpp", LlamaBackend.build],
            ["CPU features", LlamaBackend.cpuFeatures.joined(separator: ", ")],
            ["physical cores", "\(ProcessorTopology.physicalCores)"],
        ]
        for device in LlamaBackend.devices {
            rows.append([device.isGPU ? "GPU" : "device", "\(device.name): \(device.description), \(Console.size(device.totalBytes))"])
        }
        if !LlamaBackend.devices.contains(where: \.isGPU) { rows.append(["GPU", "none that llama.cpp sees"]) }
        rows += [["models", directories.models], ["data", directories.data], ["cache", directories.cache]]
        Console.print(Console.table(rows))
    }
}
