import ArgumentParser
import Foundation
import ShimmyAPI
import ShimmyChat
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
        let (generator, backend) = try await options.load(record)
        do {
            let answer = try await generator.generate(try ModelBook.current.chat(request(text, record), for: record))
            while let event = try await answer.nextEvent() {
                if case .delta(_, .content(let text, _)) = event { Console.print(text, terminator: "") }
            }
        } catch let error as GenerationError {
            Console.error(error.forPeople)
            throw ExitStatus.failure
        } catch let error as APIError {
            throw ValidationError(error.message)
        }
        Console.print("")
        await backend.shutdown()
    }

    /// Returns the request as a client would send it, so that the model's preset applies.
    private func request(_ text: String, _ record: ModelRecord) -> JSONObject {
        var messages: [JSON] = [["role": "user", "content": .string(text)]]
        if let system { messages.insert(["role": "system", "content": .string(system)], at: 0) }
        var fields: JSONObject = ["model": .string(record.id), "messages": .array(messages)]
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

extension GenerationError {
    var forPeople: String {
        switch self {
        case .badAdapter, .badLabel, .emptyInput, .inputTooLong, .tooManyDimensions, .tooManyAnswers: "\(self)"
        case .unfitBeginning(let reason): reason
        case .templateRefused(let reason): "the model's chat template refused the conversation: \(reason)"
        case .contextExceeded(let prompt, _, let context, let isFewest):
            "the prompt has \(isFewest ? "at least " : "")\(prompt) tokens; prompt and answer must fit the context of \(context)"
        case .unknownToken(let token, _): "the model has no token \(token)"
        case .badToolGrammar(_, let reason): "a tool's grammar cannot be used: \(reason)"
        case .badGrammar(_, let reason): "the grammar cannot be used: \(reason)"
        case .badSchema(_, let reason): "a schema cannot be enforced: \(reason)"
        case .noInfill: "the model does not support infilling"
        case .unknownPromptToken(_, let token): "the model has no token \(token)"
        case .badToolResults(let reason): reason
        case .beyondLimit(let reason): "the prompt \(reason)"
        case .emptyPrompt: "the prompt is empty"
        }
    }
}
