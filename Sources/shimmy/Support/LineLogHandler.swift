import Foundation
import Logging
import ShimmyJSON
import Synchronization

/// A log handler that writes one line per event, as text or as a JSON object. It applies the program's current level, independent of the level when
/// the logger was made.
struct LineLogHandler: LogHandler {
    let format: LogFormat
    var metadata: Logger.Metadata = [:]

    /// The program's level. Setting it has no effect, because loggers have no level of their own.
    var logLevel: Logger.Level {
        get { Logs.level.withLock { $0 } }
        set {}
    }

    init(_ format: LogFormat) { self.format = format }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // The HTTP framework's own lines about its start are for its developers.
        if event.level < .warning, logLevel > .debug, Self.frameworks.contains(event.source) { return }
        switch format {
        case .text: Console.log(text(event))
        case .json: Console.log(json(event).text)
        }
    }

    private static let frameworks: Set<String> = ["Hummingbird", "HummingbirdCore", "ServiceLifecycle"]

    /// Returns the line of an event: the time, the level, the event, then its fields.
    private func text(_ event: LogEvent) -> String {
        var line = "\(Self.now) \(event.level.rawValue) \(LogFields.message("\(event.message)"))"
        for (key, value) in LogFields.all(event, metadata) { line += " \(key)=\(LogFields.text(value))" }
        return line.replacing("\n", with: "\\n").replacing("\r", with: "\\r")
    }

    private func json(_ event: LogEvent) -> JSON {
        var object: JSONObject = [
            "time": .string(Self.now), "level": .string(event.level.rawValue), "message": .string(LogFields.message("\(event.message)")),
        ]
        for (key, value) in LogFields.all(event, metadata) {
            // A field must not replace the time, the level or the event.
            object[object[key] == nil ? key : key + "_"] = LogFields.json(value)
        }
        return .object(object)
    }

    /// The time in a line: UTC with milliseconds.
    private static var now: String { Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}
