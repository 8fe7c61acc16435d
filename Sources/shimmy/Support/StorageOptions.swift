import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyModels
import ShimmyStorage

/// The options for stored responses, conversations and chat completions.
struct StorageOptions: ParsableArguments {
    @Flag(help: .setting(.noStore))
    var noStore = false

    @Option(help: .setting(.storeSize), transform: ByteSize.parse)
    var storeSize: Int?

    @Option(help: .setting(.storeDays))
    var storeDays: Int?

    /// Returns the store; nil if storage is off.
    func store(logger: Logger) throws -> Store? {
        let environment = Environment.process
        if noStore || environment.flag(.noStore) { return nil }
        var limits = StorageLimits()
        if let bytes = try storeSize ?? environment.size(.storeSize) { limits.bytes = bytes }
        if let days = storeDays ?? environment.integer(.storeDays) { limits.days = days }
        try OptionRanges.check(.storeDays, limits.days)
        return Store(directory: Self.directory, limits: limits, logger: logger)
    }

    static var directory: String { Environment.process.directories.storage }
}
