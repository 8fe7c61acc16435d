import ArgumentParser
import Foundation
import Logging
import ShimmyJSON
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
        return Logger(label: "shimmy") { label in
            switch format {
            case .text: LeveledLogHandler(base: StreamLogHandler.standardError(label: label))
            case .json: LeveledLogHandler(base: JSONLogHandler())
            }
        }
    }
}

/// A log handler that applies the program's current level, independent of the level when the logger was made.
struct LeveledLogHandler: LogHandler {
    var base: any LogHandler

    /// The program's level. Setting it has no effect, because loggers have no level of their own.
    var logLevel: Logger.Level {
        get { Logs.level.withLock { $0 } }
        set {}
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { base.log(event: event) }
}

/// A log handler that writes one JSON object per line.
struct JSONLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var object: JSONObject = [
            "time": .string(Date.now.formatted(.iso8601)), "level": .string(event.level.rawValue), "message": .string("\(event.message)"),
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            object[key] = .string("\(value)")
        }
        Console.log(JSON.object(object).text)
    }
}
