import Foundation
import Logging

/// A log handler that writes one line of text per event: the time, the level, the event, then its fields.
struct TextLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(LogTime.now) \(event.level.rawValue) \(LogFields.message("\(event.message)"))"
        for (key, value) in LogFields.all(event, metadata) { line += " \(key)=\(LogFields.text(value))" }
        Console.log(line.replacing("\n", with: "\\n").replacing("\r", with: "\\r"))
    }
}

/// The time in log lines: UTC with milliseconds.
enum LogTime {
    static var now: String { Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}
