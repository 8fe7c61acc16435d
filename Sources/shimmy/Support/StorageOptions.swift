import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyModels
import ShimmyStorage

/// The options for stored responses, conversations and chat completions.
struct StorageOptions: ParsableArguments {
    @Flag(help: "Do not store responses, conversations or chat completions. [SHIMMY_NO_STORE]")
    var noStore = false

    @Option(help: "Max bytes of all stored objects; beyond it, the oldest are deleted. Default: 1G. [SHIMMY_STORE_SIZE]", transform: ByteSize.parse)
    var storeSize: Int?

    @Option(help: "Days after which untouched stored objects are deleted. Default: 30. [SHIMMY_STORE_DAYS]")
    var storeDays: Int?

    /// Returns the store; nil if storage is off.
    func store(logger: Logger) throws -> Store? {
        let environment = Environment.process
        if noStore || environment.flag("SHIMMY_NO_STORE") { return nil }
        var limits = StorageLimits()
        if let bytes = try storeSize ?? environment.string("SHIMMY_STORE_SIZE").map(ByteSize.parse) { limits.bytes = bytes }
        if let days = storeDays ?? environment.integer("SHIMMY_STORE_DAYS") { limits.days = days }
        try OptionRanges.check("store_days", limits.days)
        return Store(directory: Self.directory, limits: limits, logger: logger)
    }

    static var directory: String { Environment.process.directories.storage }
}
