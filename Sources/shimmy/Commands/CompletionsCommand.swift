import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print a shell completion script for commands, options and model names.",
        discussion: """
            bash: shimmy completions bash > ~/.local/share/bash-completion/completions/shimmy
            zsh:  shimmy completions zsh > DIRECTORY/_shimmy, with a directory of $fpath
            fish: shimmy completions fish > ~/.config/fish/completions/shimmy.fish
            """)

    @Argument(help: "Shell: bash, zsh or fish.", completion: .list(["bash", "zsh", "fish"]))
    var shell: String

    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw ValidationError("There are completions for bash, zsh and fish, not for \(shell).")
        }
        Console.print(Shimmy.completionScript(for: shell))
    }
}
