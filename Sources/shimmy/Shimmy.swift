// The command line and the composition root: the only place that knows every target.

import ArgumentParser

@main
struct Shimmy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shimmy",
        abstract: "A local LLM server that speaks OpenAI's API.",
        discussion: """
            Run 'shimmy serve' and point any OpenAI client at http://127.0.0.1:11435/v1.

            Exit codes: 0 success, 1 failure, 3 model not found, 4 model cannot be loaded, 5 port in use, 6 refused as unsafe, 64 wrong usage.
            """,
        version: BuildVersion.text,
        subcommands: [
            ServeCommand.self, ListCommand.self, PullCommand.self, DiscoverCommand.self, ProbeCommand.self, GenerateCommand.self, InfoCommand.self,
            RenderCommand.self, SchemaCommand.self, ConvertCommand.self, CompatCommand.self,
        ])
}

/// The program's own version.
enum BuildVersion {
    static let text = "0.1.0"
}
