import Logging
import ShimmyJSON

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
            "time": .string(LogTime.now), "level": .string(event.level.rawValue), "message": .string(LogFields.message("\(event.message)")),
        ]
        for (key, value) in LogFields.all(event, metadata) {
            // A field must not replace the time, the level or the event.
            object[object[key] == nil ? key : key + "_"] = LogFields.json(value)
        }
        Console.log(JSON.object(object).text)
    }
}
