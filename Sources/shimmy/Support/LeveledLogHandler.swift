import ArgumentParser
import Logging
import Synchronization

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
