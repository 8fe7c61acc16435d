import ArgumentParser
import ShimmyAPI
import ShimmyJSON

extension API: ExpressibleByArgument {}

struct CompatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compat", abstract: "Print the support for each field of an API, with the test for it.")

    @Argument(help: "openai, anthropic, ollama, llama-server or lmstudio.")
    var api = API.openAI

    @Flag(help: "Print JSON instead of Markdown.")
    var json = false

    func run() { Console.print(json ? Compatibility.json(api).pretty() : Compatibility.markdown(api), terminator: json ? "\n" : "") }
}
