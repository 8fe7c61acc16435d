// The command line and the composition root. This target is the only one that imports all others.

import ArgumentParser
import CBuild

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
        version: BuildVersion.full,
        subcommands: [EngineCommand.self],
        groupedSubcommands: [
            CommandGroup(name: "Use models:", subcommands: [RunCommand.self, GenerateCommand.self]),
            CommandGroup(
                name: "Serve models:",
                subcommands: [
                    ServeCommand.self, PsCommand.self, TopCommand.self, LoadCommand.self, StopCommand.self, KeyCommand.self, UsageCommand.self,
                    UpstreamsCommand.self, CertCommand.self, ServiceCommand.self,
                ]),
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
                    ProbeCommand.self, RenderCommand.self, SchemaCommand.self, InfoCommand.self, StorageCommand.self, BackupCommand.self,
                    RestoreCommand.self, CompatCommand.self,
                    ConfigCommand.self, CompletionsCommand.self, DoctorCommand.self, VersionCommand.self,
                ]),
        ])

    /// Runs a command. If the configuration file has mistakes, exits instead, unless the command does not need the configuration.
    static func main() async {
        let tree = CommandTree(Self.self)
        let arguments = tree.withHelpFirst(Array(CommandLine.arguments.dropFirst()))
        if let problem = tree.problem(arguments) {
            Console.error(problem)
            exit(withError: ExitCode.validationFailure)
        }
        do {
            try await execute(arguments)
        } catch {
            exit(withError: error)
        }
    }

    @concurrent private static func execute(_ arguments: [String]) async throws {
        var command = try await asyncParseAsRoot(arguments)
        let kind = type(of: command)
        do {
            guard var waiting = command as? any AsyncParsableCommand else { return try command.run() }
            if !(waiting is any WorksWithoutConfiguration) { try ProcessConfiguration.shared.refuseProblems() }
            try await waiting.run()
        } catch let error as ValidationError {
            // The parser would add the usage of the whole program.
            guard let path = CommandTree(Self.self).path(to: kind) else { throw error }
            Console.log("Error: \(error.message)\nUsage: \(usageString(for: kind))\n  See '\(path) --help' for more information.")
            throw ExitCode.validationFailure
        }
    }
}

/// A command that runs even if the configuration file has mistakes.
protocol WorksWithoutConfiguration {}

/// The program's own version. scripts/version.py reads it too.
enum BuildVersion {
    static let text = "0.1.0"

    /// The version with the commit that the program was built from.
    static let full = "\(text) (\(String(cString: cbuild_commit())))"
}
