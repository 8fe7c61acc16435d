import ArgumentParser
import ShimmyConfiguration

/// The program's commands by name. It finds misspelled commands before the arguments are parsed: the parser would report an unexpected argument
/// without a suggestion, and show the general help for an unknown command.
struct CommandTree {
    private let root: any ParsableCommand.Type

    init(_ root: any ParsableCommand.Type) { self.root = root }

    /// Returns the arguments with the word `help` in front of the commands, where the parser expects it: `help key create` for `key help create`.
    /// - arguments: the arguments of the program, without its name.
    func withHelpFirst(_ arguments: [String]) -> [String] {
        var (words, command, path) = (arguments[...], root, [String]())
        while let word = words.first, !command.configuration.subcommands.isEmpty {
            if word != "help" {
                guard let next = Self.subcommand(word, of: command) else { break }
                command = next
                path.append(word)
            }
            words.removeFirst()
        }
        if path.count + words.count < arguments.count { path.insert("help", at: 0) }
        return path + words
    }

    /// Returns the error message for a command that does not exist; nil if the arguments name a command.
    /// - arguments: what `withHelpFirst` returns.
    func problem(_ arguments: [String]) -> String? {
        var (words, command, path) = (arguments[...], root, [Self.name(root)])
        if words.first == "help" { words = words.dropFirst() }
        while let word = words.popFirst(), !word.hasPrefix("-"), !command.configuration.subcommands.isEmpty {
            // The default subcommands have options, but no arguments.
            guard let next = Self.subcommand(word, of: command) else {
                let group = path.joined(separator: " ")
                let names = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { Self.name($0) }
                let suggestion = KeywordSuggestion.text(for: word, among: names)
                return "there is no command '\(group) \(word)'.\(suggestion) '\(group) --help' lists the commands."
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

    private static func subcommand(_ word: String, of command: any ParsableCommand.Type) -> (any ParsableCommand.Type)? {
        command.configuration.subcommands.first { names($0).contains(word) }
    }

    private static func name(_ command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "" }

    private static func names(_ command: any ParsableCommand.Type) -> [String] { [name(command)] + command.configuration.aliases }
}
