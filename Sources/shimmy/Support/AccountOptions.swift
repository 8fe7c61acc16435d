import ArgumentParser
import Logging
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyModels
import ShimmyServer
import ShimmyService

/// The options for the limits of keys, and for the record of usage.
struct AccountOptions: ParsableArguments {
    @Flag(help: .setting(.trustUserHeaders))
    var trustUserHeaders = false

    @Option(help: .setting(.cachedTokenPercent))
    var cachedTokenPercent: Int?

    @Option(help: .setting(.usageDays))
    var usageDays: Int?

    func validate() throws {
        try OptionRanges.check(.cachedTokenPercent, cachedTokenPercent)
        try OptionRanges.check(.usageDays, usageDays)
    }

    /// Whether requests may name their end user in headers; the configuration file may change while the server runs.
    var trustsUserHeaders: Bool { trustUserHeaders || Environment.process.flag(.trustUserHeaders) }

    /// Returns the accounts of a server. Today's use of limits is that of the table.
    /// - access: the keys of the server.
    func accounts(_ access: ServerAccess, logger: Logger) async -> Accounts {
        let environment = Environment.process
        let quotas = Quotas()
        var usage: UsageRecorder?
        if let days = usageDays ?? environment.integer(.usageDays), days > 0 {
            let recorder = UsageRecorder(
                store: Self.store, days: days, onFailure: { logger.error("usage not recorded", metadata: ["error": "\($0)"]) })
            do {
                let (day, tokens) = try await recorder.load()
                quotas.restore(tokens, day: day)
            } catch {
                logger.error("tokens_per_day limits begin at zero: the record of usage cannot be read", metadata: ["error": "\(error)"])
            }
            usage = recorder
        }
        let percent = cachedTokenPercent ?? environment.integer(.cachedTokenPercent) ?? 100
        return Accounts(quotas: quotas, usage: usage, cachedTokenFactor: Double(percent) / 100, key: { access.key(ofStorage: $0) })
    }

    static var store: UsageStore { UsageStore(directory: Environment.process.directories.data) }
}
