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

    func log(event: LogEvent) {
        // The HTTP framework's own lines about its start are for its developers.
        if event.level < .warning, logLevel > .debug, Self.frameworks.contains(event.source) { return }
        base.log(event: event)
    }

    private static let frameworks: Set<String> = ["Hummingbird", "HummingbirdCore", "ServiceLifecycle"]
}
