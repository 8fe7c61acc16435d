import ArgumentParser
import ShimmyChat
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
        let local = try LocalService(record, options)
        try await Self.test(local)
        await local.shutdown()
    }

    /// Decodes a token. When it returns, nothing refers to the loaded model any more.
    private static func test(_ local: LocalService) async throws {
        let lease = try await local.load()
        let answer = try await lease.generator.generate(ChatRequest(messages: [ChatMessage(.user, "Hello")], maximumTokens: 1))
        while let event = try await answer.nextEvent() {
            guard case .ended(let usage) = event else { continue }
            Console.print(
                "\(local.record.id) works: \(usage.promptTokens) prompt tokens computed, \(usage.completionTokens) token decoded, "
                    + "context \(lease.backend.contextLength).")
        }
    }
}
