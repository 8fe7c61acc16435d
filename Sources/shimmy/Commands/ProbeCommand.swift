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
        let (generator, backend) = try await options.load(record)
        let answer = try await generator.generate(ChatRequest(messages: [ChatMessage(.user, "Hello")], maximumTokens: 1))
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
    /// Loads a model that answers into the process of a command. If that fails, prints the error and exits with its documented code.
    func load(_ record: ModelRecord) async throws -> (generator: any TextGenerator, backend: Backend) {
        guard record.roles.contains(.chat) else { throw unusable(.lacksRole(record.id, asked: .chat, has: record.roles)) }
        let loader = try loader(logger(quiet: true))
        let status = StatusLine()
        let progress = LoadProgress { status.show("loading \(record.id) \(Int($0 * 100)) %") }
        do {
            let model = try await loader.load(record, settings(for: record), progress)
            status.clear()
            guard let generator = model.backend.generator else { throw ModelError.lacksRole(record.id, asked: .chat, has: model.backend.roles) }
            return (generator, model.backend)
        } catch {
            status.clear()
            throw unusable(error as? ModelError ?? .loadFailed(record.id, reason: "\(error)"))
        }
    }

    private func unusable(_ error: ModelError) -> any Error {
        Console.error(error.description)
        return ExitStatus.modelUnusable
    }
}
