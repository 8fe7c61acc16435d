package import Foundation
import ShimmyCore

/// The properties of a key that an administrator chooses.
package struct KeyDraft: Sendable, Equatable {
    package var name: String
    package var role: AccessKey.Role
    package var models: [String]
    package var limits: AccessKey.Limits
    package var weight: Double
    package var expires: Date?

    package init(
        name: String, role: AccessKey.Role = .user, models: [String] = [], limits: AccessKey.Limits = .init(), weight: Double = 1,
        expires: Date? = nil
    ) {
        self.name = name
        self.role = role
        self.models = models
        self.limits = limits
        self.weight = weight
        self.expires = expires
    }

    /// Creates a draft with the properties of a key.
    init(_ key: AccessKey) {
        self.init(name: key.name, role: key.role, models: key.models, limits: key.limits, weight: key.weight, expires: key.expires)
    }

    /// Throws `KeyBookError.invalid` for the first property that a key may not have at a time.
    func check(at time: Date) throws(KeyBookError) {
        if let expires, expires <= time { throw .invalid("the time at which the key expires is in the past; the key would never be valid") }
        if !KeyRanges.isName(name) { throw .invalid("the name of a key must have \(KeyRanges.nameExpectation)") }
        if models.count > KeyRanges.mostModels || !models.allSatisfy(KeyRanges.isModel) {
            throw .invalid("the models of a key must be \(KeyRanges.modelExpectation)")
        }
        let numbers = [limits.requestsPerMinute, limits.tokensPerMinute, limits.tokensPerDay].compactMap { $0 }
        if !numbers.allSatisfy(KeyRanges.count.contains) { throw .invalid("a limit of a key must be from 1 to \(KeyRanges.count.upperBound)") }
        if let concurrency = limits.concurrency, !KeyRanges.concurrency.contains(concurrency) {
            throw .invalid("the concurrency of a key must be from 1 to \(KeyRanges.concurrency.upperBound)")
        }
        if let tokens = limits.maxOutputTokens, !KeyRanges.outputTokens.contains(tokens) {
            throw .invalid("the max output tokens of a key must be from 1 to \(KeyRanges.outputTokens.upperBound)")
        }
        if !KeyRanges.weight.contains(weight) {
            throw .invalid("the weight of a key must be from \(KeyRanges.weight.lowerBound) to \(KeyRanges.weight.upperBound)")
        }
    }
}
