import ArgumentParser

/// Names of models for shells to complete.
enum ModelNames {
    static let completion = CompletionKind.shellCommand("shimmy list --names")
}
