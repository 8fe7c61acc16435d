import Logging
import Synchronization

/// The levels of the lines that a logger wrote.
final class LevelRecord: Sendable {
    let levels = Mutex<[Logger.Level]>([])
}

/// A log handler that records the level of each line.
struct LevelRecorder: LogHandler {
    let record: LevelRecord
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(record: LevelRecord) { self.record = record }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { record.levels.withLock { $0.append(event.level) } }
}
