import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print what makes a shell complete commands, options and models' names.",
        discussion: """
            bash: shimmy completions bash > ~/.local/share/bash-completion/completions/shimmy
            zsh:  shimmy completions zsh > a directory of $fpath, as _shimmy
            fish: shimmy completions fish > ~/.config/fish/completions/shimmy.fish
            """)

    @Argument(help: "bash, zsh or fish.", completion: .list(["bash", "zsh", "fish"]))
    var shell: String

    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw ValidationError("There are completions for bash, zsh and fish, not for \(shell).")
        }
        Console.print(Shimmy.completionScript(for: shell))
    }
}
