import ArgumentParser
import ShimmyAPI
import ShimmyJSON

struct CompatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compat", abstract: "Print the support for each field of OpenAI's API, with the test for it.")

    @Flag(help: "Print JSON instead of Markdown.")
    var json = false

    func run() { Console.print(json ? Compatibility.json.pretty() : Compatibility.markdown, terminator: json ? "\n" : "") }
}
