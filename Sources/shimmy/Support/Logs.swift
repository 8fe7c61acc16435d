import ArgumentParser
import Logging
import Synchronization

enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// The program's logging: to standard error, as text or as JSON.
enum Logs {
    static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError("'\(text)' is not a log level. Use one of: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return level
    }

    /// The minimum level of all loggers of the program. It may change while the program runs.
    static let level = Mutex(Logger.Level.info)

    static func make(level: Logger.Level, format: LogFormat) -> Logger {
        Self.level.withLock { $0 = level }
        return Logger(label: "shimmy") { _ in LineLogHandler(format) }
    }
}
