import ArgumentParser
import Logging
import ShimmyConfiguration

/// The options of the log.
struct LogOptions: ParsableArguments {
    @Option(help: .setting(.logLevel), transform: Logs.level)
    var logLevel: Logger.Level?

    @Option(help: .setting(.logFormat))
    var logFormat: LogFormat?

    /// Returns the logger of the program.
    /// - quiet: whether the default level is warning rather than info, for commands that print their result.
    func logger(quiet: Bool) -> Logger { Self.logger(level: level(quiet: quiet), format: logFormat) }

    func level(quiet: Bool) -> Logger.Level { logLevel ?? Self.configuredLevel ?? (quiet ? .warning : .info) }

    /// The logger of commands without options for the log.
    static var quiet: Logger { logger(level: configuredLevel ?? .warning, format: nil) }

    private static var configuredLevel: Logger.Level? { Environment.process.given(.logLevel).flatMap(Logger.Level.init(rawValue:)) }

    private static func logger(level: Logger.Level, format: LogFormat?) -> Logger {
        Logs.make(level: level, format: format ?? Environment.process.choice(.logFormat) ?? .text)
    }
}
