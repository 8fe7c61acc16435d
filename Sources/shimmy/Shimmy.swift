// The command line and the composition root. This target is the only one that imports all others.

import ArgumentParser

@main
struct Shimmy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shimmy",
        abstract: "A local LLM server with an OpenAI-compatible API.",
        discussion: """
            Run 'shimmy serve' and point any OpenAI client at http://127.0.0.1:11435/v1.

            Exit codes: 0 success, 1 failure, 3 model not found, 4 model cannot be loaded, 5 port in use, 6 refused as unsafe, \
            7 no server answers, 8 a client's configuration was not written, 64 wrong usage, 127 the client to launch is not installed.
            """,
        version: BuildVersion.text,
        groupedSubcommands: [
            CommandGroup(name: "Use models:", subcommands: [RunCommand.self, GenerateCommand.self]),
            CommandGroup(name: "Serve models:", subcommands: [ServeCommand.self, PsCommand.self, LoadCommand.self, StopCommand.self]),
            CommandGroup(name: "Use clients:", subcommands: [ConnectCommand.self, LaunchCommand.self]),
            CommandGroup(
                name: "Keep models:",
                subcommands: [
                    ListCommand.self, ShowCommand.self, PullCommand.self, CopyCommand.self, AliasCommand.self, RemoveCommand.self,
                    ConvertCommand.self,
                    DiscoverCommand.self,
                ]),
            CommandGroup(
                name: "Look closer:",
                subcommands: [
                    ProbeCommand.self, RenderCommand.self, SchemaCommand.self, InfoCommand.self, StorageCommand.self, CompatCommand.self,
                    ConfigCommand.self, CompletionsCommand.self,
                ]),
        ])

    /// Runs a command. If the configuration file has mistakes, exits instead, unless the command does not need the configuration.
    static func main() async {
        if let command = (try? parseAsRoot()) as? any AsyncParsableCommand, !(command is any WorksWithoutConfiguration) {
            do { try ProcessConfiguration.shared.refuseProblems() } catch { exit(withError: error) }
        }
        await main(nil)
    }
}

/// A command that runs even if the configuration file has mistakes.
protocol WorksWithoutConfiguration {}

/// The program's own version.
enum BuildVersion {
    static let text = "0.1.0"
}
