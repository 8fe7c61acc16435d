import ArgumentParser
import ShimmyClient
import ShimmyJSON

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Free models on a running server.",
        discussion: "The command fails for a model with running requests.")

    @OptionGroup var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Free all loaded models.")
    var all = false

    @Flag(help: "Print JSON: for each model, whether it was loaded.")
    var json = false

    @Argument(help: "Model names.", completion: ModelNames.completion)
    var models: [String] = []

    func validate() throws {
        if models.isEmpty != all { throw ValidationError("Name the models to stop, or pass --all.") }
    }

    func run() async throws {
        let stopped = try await client.withServer { server in
            let names = all ? RunningModel.loaded(in: try await server.get("/v1/engine")) : models
            var stopped: [(name: String, wasLoaded: Bool)] = []
            for name in names {
                do {
                    let answer = try await server.post("/v1/models/unload", ["model": .string(name)])
                    stopped.append((name, answer["unloaded"]?.boolValue ?? false))
                } catch ClientError.refused(404, let message, let code) {
                    throw await ClientError.unknown(name, message: message, code: code, at: server)
                }
            }
            return stopped
        }
        if json {
            Console.print(JSON.array(stopped.map { ["model": .string($0.name), "unloaded": .bool($0.wasLoaded)] }).pretty())
        } else if stopped.isEmpty {
            Console.print("No model is loaded.")
        } else {
            for model in stopped { Console.print("\(model.name) \(model.wasLoaded ? "is freed." : "was not loaded.")") }
        }
    }
}
