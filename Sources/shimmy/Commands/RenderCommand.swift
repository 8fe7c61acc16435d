import ArgumentParser
import Foundation
import ShimmyAPI
import ShimmyChat
import ShimmyConfiguration
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import ShimmyService

struct RenderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Show the exact prompt of a conversation and its number of tokens.",
        discussion: """
            The input is a chat request as JSON, or only its messages, in a file or on standard input. The prompt goes to standard output, the \
            number of tokens to standard error.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: .setting(.model, as: "Model name or path. Default: the only usable model."))
    var model: String?

    @Flag(help: "Print JSON: the prompt and its tokens.")
    var json = false

    @Argument(help: "File with the request. Default: standard input.")
    var file: String?

    func run() async throws {
        LlamaBackend.start(logger: options.logger(quiet: true))
        let request = try readRequest()
        let record = try options.resolve(try options.modelName(model))
        let local = try LocalService(record, options)
        var decoded: RenderRequest
        do {
            var fields: JSONObject = request.objectValue ?? ["messages": request]
            fields["model"] = .string(record.id)
            let preset = local.service.presets(record)
            decoded = try preset.reading(.object(fields), of: Compatibility.chatCompletions) { try RenderRequest($0) }.value
            preset.complete(&decoded.conversation)
        } catch let error as APIError {
            throw ValidationError(error.message)
        }
        do {
            let prompt = try await local.load().generator.prepare(decoded.conversation)
            if json {
                Console.print(RenderRequest.response(prompt, model: record.id).pretty())
            } else {
                Console.print(prompt.text)
                Console.log("\(prompt.tokens.count) tokens")
            }
        } catch let error as GenerationError {
            Console.error(APIError(any: error).message)
            throw ExitStatus.failure
        }
        await local.shutdown()
    }

    private func readRequest() throws -> JSON {
        let data: Data
        do {
            data = try file.map { try Data(contentsOf: URL(fileURLWithPath: $0)) } ?? FileHandle.standardInput.readToEnd() ?? Data()
        } catch {
            throw ValidationError("\(file ?? "standard input") cannot be read.")
        }
        do {
            return try JSON.parse(Array(data))
        } catch {
            throw ValidationError("The request is not JSON: \(error.description).")
        }
    }
}
