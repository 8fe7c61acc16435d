import ArgumentParser
import ShimmyChat
import ShimmyCore
import ShimmyLlama
import ShimmyModels

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "probe", abstract: "Test a model: load it and decode one token.")

    @OptionGroup var options: ModelOptions

    @Argument(help: "Model name or path.")
    var model: String

    func run() async throws {
        LlamaBackend.start(logger: options.logger(quiet: true))
        let record = try options.resolve(model)
        let backend = try await options.load(record)
        let answer = try await backend.generate(ChatRequest(messages: [ChatMessage(.user, "Hello")], maximumTokens: 1))
        while let event = try await answer.nextEvent() {
            guard case .ended(let usage) = event else { continue }
            Console.print(
                "\(record.id) works: \(usage.promptTokens) prompt tokens computed, \(usage.completionTokens) token decoded, context \(backend.contextLength)."
            )
        }
        await backend.shutdown()
    }
}

extension ModelOptions {
    /// Loads a model into the process of a command. If that fails, prints the error and exits with its documented code.
    func load(_ record: ModelRecord) async throws -> any Backend {
        let loader = try loader(logger(quiet: true))
        let status = StatusLine()
        let progress = LoadProgress { status.show("loading \(record.id) \(Int($0 * 100)) %") }
        do {
            let model = try await loader.load(record, settings(for: record), progress)
            status.clear()
            return model.backend
        } catch {
            status.clear()
            Console.error("the model \(record.id) cannot be loaded: \(error)")
            throw ExitStatus.modelUnusable
        }
    }
}
