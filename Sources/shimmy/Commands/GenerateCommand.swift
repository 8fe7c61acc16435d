import ArgumentParser
import Foundation
import ShimmyClient
import ShimmyConfiguration
import ShimmyCore
import ShimmyJSON
import ShimmyLlama
import ShimmyModels

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Print the answer to one prompt, computed in this process.",
        discussion: "The prompt is the argument or, without an argument, standard input.")

    @OptionGroup var options: ModelOptions

    @Option(help: .setting(.model, as: "Model name or path. Default: the only usable model."))
    var model: String?

    @Option(help: "System message.")
    var system: String?

    @Option(help: "Max tokens of the answer.")
    var maxTokens: Int?

    @Option(help: "Sampling temperature, 0 to 2; 0 always takes the most likely token. Default: the model's preset, else 1.")
    var temperature: Double?

    @Option(help: "Nucleus sampling threshold, 0 to 1. Default: the model's preset, else 1.")
    var topP: Double?

    @Option(help: "Sampling seed, for a repeatable answer.")
    var seed: Int64?

    @Option(help: "Text to stop before. Repeatable.")
    var stop: [String] = []

    @Argument(help: "Prompt. Default: standard input.")
    var prompt: String?

    func validate() throws {
        if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
        if let temperature, !(0...2).contains(temperature) { throw ValidationError("--temperature must be between 0 and 2.") }
        if let topP, !(0...1).contains(topP) { throw ValidationError("--top-p must be between 0 and 1.") }
    }

    func run() async throws {
        LlamaBackend.start(logger: options.logger(quiet: true))
        let text = prompt ?? Self.standardInput()
        if text.isEmpty { throw ValidationError("There is no prompt: give one as the argument or on standard input.") }
        let record = try options.resolve(try options.modelName(model))
        let local = try LocalService(record, options)
        _ = try await local.load()
        do {
            try await LocalPeer(local: local).answer(.object(request(text, record))) { event in
                if case .content(let text) = event { Console.print(text, terminator: "") }
            }
        } catch let error as ClientError {
            Console.error(error.description)
            throw error.exitStatus
        }
        Console.print("")
        await local.shutdown()
    }

    /// Returns the request as a client would send it, so that the model's preset applies.
    private func request(_ text: String, _ record: ModelRecord) -> JSONObject {
        var messages: [JSON] = [["role": "user", "content": .string(text)]]
        if let system { messages.insert(["role": "system", "content": .string(system)], at: 0) }
        var fields: JSONObject = ["model": .string(record.id), "messages": .array(messages), "stream": true]
        fields["max_completion_tokens"] = maxTokens.map(JSON.int)
        fields["temperature"] = temperature.map(JSON.double)
        fields["top_p"] = topP.map(JSON.double)
        fields["seed"] = seed.map { JSON.int(Int($0)) }
        if !stop.isEmpty { fields["stop"] = .array(stop.map(JSON.string)) }
        return fields
    }

    private static func standardInput() -> String {
        let data = (try? FileHandle.standardInput.readToEnd()) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }
}
