import ArgumentParser
import ShimmyConfiguration

/// The program's commands by name. It finds misspelled commands before the arguments are parsed: the parser would report an unexpected argument
/// without a suggestion, and show the general help for an unknown command.
struct CommandTree {
    private let root: any ParsableCommand.Type

    init(_ root: any ParsableCommand.Type) { self.root = root }

    /// Returns the error message for a command that does not exist; nil if the arguments name a command.
    /// - arguments: the arguments of the program, without its name.
    func problem(_ arguments: [String]) -> String? {
        var (words, command, path) = (arguments[...], root, [Self.name(root)])
        if words.first == "help" { words = words.dropFirst() }
        while let word = words.popFirst(), !word.hasPrefix("-"), !command.configuration.subcommands.isEmpty {
            let commands = command.configuration.subcommands
            guard let next = commands.first(where: { Self.names($0).contains(word) }) else {
                // The default subcommands have options, but no arguments.
                if word == "help" { return nil }
                let names = commands.filter { $0.configuration.shouldDisplay }.map { Self.name($0) }
                return "there is no command '\((path + [word]).joined(separator: " "))'." + KeywordSuggestion.text(for: word, among: names)
            }
            command = next
            path.append(Self.name(next))
        }
        return nil
    }

    /// Returns the words that call a command, such as `shimmy storage prune`; nil if the tree does not have it.
    func path(to command: any ParsableCommand.Type) -> String? {
        func words(_ node: any ParsableCommand.Type) -> [String]? {
            if node == command { return [Self.name(node)] }
            for next in node.configuration.subcommands {
                if let rest = words(next) { return [Self.name(node)] + rest }
            }
            return nil
        }
        return words(root)?.joined(separator: " ")
    }

    private static func name(_ command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "" }

    private static func names(_ command: any ParsableCommand.Type) -> [String] { [name(command)] + command.configuration.aliases }
}
