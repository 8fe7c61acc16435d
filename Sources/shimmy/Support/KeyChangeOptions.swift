import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyCore

/// The options that change the properties of a key. A property without an option stays as it is.
struct KeyChangeOptions: ParsableArguments {
    /// A limit, or none.
    enum Limit: ExpressibleByArgument {
        case unlimited
        case count(Int)

        init?(argument: String) {
            if argument == "none" {
                self = .unlimited
            } else if let count = Int(argument) {
                self = .count(count)
            } else {
                return nil
            }
        }

        var value: Int? {
            switch self {
            case .unlimited: nil
            case .count(let count): count
            }
        }
    }

    /// The end of a key's validity, or none.
    enum End: Equatable {
        case never
        case at(Date)
    }

    @Option(help: "Role: 'user' or 'admin'.")
    var role: KeyOptions.Role?

    @Option(parsing: .upToNextOption, help: "Models that the key may use, or patterns such as 'SmolLM2-*'.")
    var models: [String] = []

    @Flag(help: "Allow all models.")
    var allModels = false

    @Option(help: "Max requests per minute, or none.")
    var requestsPerMinute: Limit?

    @Option(help: "Max tokens of prompts and answers per minute, or none.")
    var tokensPerMinute: Limit?

    @Option(help: "Max tokens of prompts and answers per day (UTC), or none.")
    var tokensPerDay: Limit?

    @Option(help: "Max requests at the same time, or none.")
    var concurrency: Limit?

    @Option(help: "Max tokens of one answer, or none.")
    var maxOutputTokens: Limit?

    @Option(help: "Weight in fair sharing, relative to other keys.")
    var weight: Double?

    @Option(
        help: "End of the key's validity: a date such as 2026-12-31, a time such as 2026-12-31T18:00:00Z, or never.",
        transform: KeyChangeOptions.end)
    var expires: End?

    func validate() throws {
        if allModels, !models.isEmpty { throw ValidationError("--models and --all-models cannot be used together.") }
        if models.count > KeyRanges.mostModels || !models.allSatisfy(KeyRanges.isModel) {
            throw ValidationError("--models must be \(KeyRanges.modelExpectation).")
        }
        try KeyOptions.check("--requests-per-minute", requestsPerMinute?.value, KeyRanges.count)
        try KeyOptions.check("--tokens-per-minute", tokensPerMinute?.value, KeyRanges.count)
        try KeyOptions.check("--tokens-per-day", tokensPerDay?.value, KeyRanges.count)
        try KeyOptions.check("--concurrency", concurrency?.value, KeyRanges.concurrency)
        try KeyOptions.check("--max-output-tokens", maxOutputTokens?.value, KeyRanges.outputTokens)
        if case .at(let date)? = expires, date <= Date() { throw ValidationError("--expires is in the past; use 'shimmy key revoke'.") }
        if let weight { try KeyOptions.check(weight: weight) }
        if !changesAnything { throw ValidationError("Name what to change, such as --tokens-per-day 100000.") }
    }

    private var changesAnything: Bool {
        let limits = [requestsPerMinute, tokensPerMinute, tokensPerDay, concurrency, maxOutputTokens]
        return role != nil || !models.isEmpty || allModels || limits.contains { $0 != nil } || weight != nil || expires != nil
    }

    func apply(to draft: inout KeyDraft) {
        if let role { draft.role = role == .admin ? .admin : .user }
        if !models.isEmpty { draft.models = models }
        if allModels { draft.models = [] }
        if let requestsPerMinute { draft.limits.requestsPerMinute = requestsPerMinute.value }
        if let tokensPerMinute { draft.limits.tokensPerMinute = tokensPerMinute.value }
        if let tokensPerDay { draft.limits.tokensPerDay = tokensPerDay.value }
        if let concurrency { draft.limits.concurrency = concurrency.value }
        if let maxOutputTokens { draft.limits.maxOutputTokens = maxOutputTokens.value }
        if let weight { draft.weight = weight }
        switch expires {
        case nil: break
        case .never?: draft.expires = nil
        case .at(let date)?: draft.expires = date
        }
    }

    private static func end(_ text: String) throws -> End { text == "never" ? .never : .at(try KeyOptions.time(text)) }
}
