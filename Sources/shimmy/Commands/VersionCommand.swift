import ArgumentParser

/// Prints the same as `shimmy --version`, for users who expect a command.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.", shouldDisplay: false)

    func run() { Console.print(BuildVersion.full) }
}
