import ArgumentParser
import Foundation
import ShimmyConfiguration
import ShimmyCore
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import Synchronization

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetch a model from the Hugging Face hub.",
        discussion: """
            Without a quantization, pull takes Q4_K_M if it exists and fits in memory, else the best quantization that fits. An interrupted
            pull resumes. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE have the same meaning as in the hub's own tools.
            """)

    @Argument(help: "USER/REPO, USER/REPO:QUANTIZATION, USER/REPO/FILE, or a URL at hf.co.")
    var model: String

    @Flag(help: "List the available quantizations and files, and fetch nothing.")
    var list = false

    @OptionGroup var memory: MemoryOptions

    @OptionGroup(title: "Have a server pull") var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if list, client.namesServer { throw ValidationError("--list queries the hub from this machine; leave out --host.") }
    }

    func run() async throws {
        if client.namesServer {
            let name = try await client.withServer { try await ServerPull.run(model, at: $0) }
            Console.print(json ? JSON.object(["model": .string(name)]).text : name)
            return
        }
        do {
            let budget = try memory.budget
            try await HubAccess.standard(memory: budget).withPuller { puller in
                let address = try HubAddress(model)
                if list {
                    show(try await HubWait.telling { try await puller.choices(address) }, budget)
                } else {
                    try await pull(address, puller, budget)
                }
            }
        } catch let error as HubError {
            Console.error(error.description)
            throw error.exitStatus
        }
    }

    private func pull(_ address: HubAddress, _ puller: ModelPuller, _ budget: Int) async throws {
        let plan = try await HubWait.telling { try await puller.plan(address, memory: budget) }
        Console.log("\(plan.title): \(Console.size(plan.totalBytes)) to \(plan.folder)")
        let bar = Mutex(ProgressBar("fetching"))
        try await puller.run(plan) { progress in
            bar.withLock { $0.update(progress.doneBytes, of: progress.totalBytes) }
        }
        let name = plan.placedName
        Console.print(json ? JSON.object(["model": .string(name), "path": .string(plan.folder)]).text : name)
    }

    private func show(_ choices: [FileChoice], _ budget: Int) {
        if json {
            let list = choices.map { choice -> JSON in
                [
                    "quantization": choice.quantization.map(JSON.string) ?? .null, "size_bytes": .int(choice.sizeBytes),
                    "memory_bytes": .int(choice.memoryBytes), "fits": .bool(choice.memoryBytes <= budget),
                    "files": .array(choice.files.map { .string($0.path) }),
                ]
            }
            Console.print(JSON.array(list).pretty())
            return
        }
        let rows = choices.map { choice in
            [
                choice.quantization ?? "-", Console.size(choice.sizeBytes),
                choice.memoryBytes <= budget ? "fits" : "needs \(Console.size(choice.memoryBytes))", choice.files[0].path,
            ]
        }
        Console.print(Console.table([["QUANT", "SIZE", "MEMORY", "FILE"]] + rows))
    }
}

extension HubAccess {
    /// Returns the access to the hub as configured by the environment.
    /// - memory: the number of bytes that a model may use, for the choice of a quantization.
    static func standard(memory: Int) -> HubAccess {
        let environment = Environment.process
        return HubAccess(
            endpoint: HubEndpoint(environment: environment.values, home: environment.home) { RegularFile.text($0, limit: 64 << 10) },
            stall: min(max(0.1, environment.string(Settings.pullStall).flatMap(Double.init).flatMap { $0.isNaN ? nil : $0 } ?? 30), 86_400),
            directory: environment.directories.models, memory: memory)
    }
}

extension PlannedPull {
    /// The model's name on this machine once it is pulled. Scans the disk.
    var placedName: String { name(among: Environment.process.discovery().scan()) }
}

extension HubError {
    var exitStatus: ExitCode {
        switch self {
        case .notFound, .noModel, .noQuantization: ExitStatus.modelNotFound
        case .badAddress, .otherHost: .validationFailure
        default: ExitStatus.failure
        }
    }
}
