import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyCore

/// The options for the properties of a new key.
struct KeyOptions: ParsableArguments {
    enum Role: String, ExpressibleByArgument, CaseIterable { case user, admin }

    @Option(help: "Role: 'user' uses models; 'admin' also changes models and keys, and sees the server's state.")
    var role: Role = .user

    @Option(parsing: .upToNextOption, help: "Models that the key may use, or patterns such as 'SmolLM2-*'. Default: all models.")
    var models: [String] = []

    @Option(help: "Max requests per minute.")
    var requestsPerMinute: Int?

    @Option(help: "Max tokens of prompts and answers per minute.")
    var tokensPerMinute: Int?

    @Option(help: "Max tokens of prompts and answers per day (UTC).")
    var tokensPerDay: Int?

    @Option(help: "Max requests at the same time.")
    var concurrency: Int?

    @Option(help: "Max tokens of one answer.")
    var maxOutputTokens: Int?

    @Option(help: "Weight in fair sharing, relative to other keys.")
    var weight: Double = 1

    @Option(help: "End of the key's validity: a date such as 2026-12-31 or a time such as 2026-12-31T18:00:00Z.", transform: KeyOptions.time)
    var expires: Date?

    func validate() throws {
        if models.count > KeyRanges.mostModels || !models.allSatisfy(KeyRanges.isModel) {
            throw ValidationError("--models must be \(KeyRanges.modelExpectation).")
        }
        try Self.check("--requests-per-minute", requestsPerMinute, KeyRanges.count)
        try Self.check("--tokens-per-minute", tokensPerMinute, KeyRanges.count)
        try Self.check("--tokens-per-day", tokensPerDay, KeyRanges.count)
        try Self.check("--concurrency", concurrency, KeyRanges.concurrency)
        try Self.check("--max-output-tokens", maxOutputTokens, KeyRanges.outputTokens)
        if let expires, expires <= Date() { throw ValidationError("--expires is in the past; the key would never be valid.") }
        try Self.check(weight: weight)
    }

    func draft(_ name: String) -> KeyDraft {
        KeyDraft(
            name: name, role: role == .admin ? .admin : .user, models: models,
            limits: AccessKey.Limits(
                requestsPerMinute: requestsPerMinute, tokensPerMinute: tokensPerMinute, tokensPerDay: tokensPerDay, concurrency: concurrency,
                maxOutputTokens: maxOutputTokens),
            weight: weight, expires: expires)
    }

    static func check(weight: Double) throws {
        let range = KeyRanges.weight
        if !range.contains(weight) { throw ValidationError("--weight is \(weight); it must be from \(range.lowerBound) to \(range.upperBound).") }
    }

    static func check(_ option: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
        guard let value, !range.contains(value) else { return }
        throw ValidationError("\(option) is \(value); it must be from \(range.lowerBound) to \(range.upperBound).")
    }

    static func time(_ text: String) throws -> Date {
        guard let seconds = TimeText.seconds(text) else { throw ValidationError("'\(text)' is not \(TimeText.expectation).") }
        return Date(timeIntervalSince1970: Double(seconds))
    }
}
