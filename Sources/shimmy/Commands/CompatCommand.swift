import ArgumentParser
import ShimmyAPI
import ShimmyJSON

struct CompatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compat", abstract: "Print what of OpenAI's API is supported, field by field, with the test that proves it.")

    @Flag(help: "Print JSON instead of Markdown.")
    var json = false

    func run() { Console.print(json ? Compatibility.json.pretty() : Compatibility.markdown, terminator: json ? "\n" : "") }
}
