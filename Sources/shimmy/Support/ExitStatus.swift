import ArgumentParser

/// The program's exit codes. They are documented and must not change.
enum ExitStatus {
    static let failure = ExitCode(1)
    static let modelNotFound = ExitCode(3)
    static let modelUnusable = ExitCode(4)
    static let portInUse = ExitCode(5)
    static let refusedAsUnsafe = ExitCode(6)
    static let noServer = ExitCode(7)
    static let notConfigured = ExitCode(8)
    /// The code of shells for a program that is not found.
    static let programNotFound = ExitCode(127)
}
