import ArgumentParser

/// The shell completion of model names.
enum ModelNames {
    static let completion = CompletionKind.shellCommand("shimmy list --names")
}
