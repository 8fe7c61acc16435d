import ArgumentParser
import Foundation
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
            "time": .string(Date.now.formatted(.iso8601)), "level": .string(event.level.rawValue), "message": .string("\(event.message)"),
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            object[key] = .string("\(value)")
        }
        Console.log(JSON.object(object).text)
    }
}
