import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import Synchronization

/// The account of one request from its admission to its end: what is reserved, and then what was used.
///
/// The first end counts. A charge that is released without an end belongs to work that could not begin: it returns all that was reserved, and counts
/// as an error.
final class Charge: Sendable {
    /// The max tokens of each answer, because no more could be reserved; nil for no limit.
    let maximumTokens: Int?
    private let accounts: Accounts
    private let grant: QuotaGrant?
    private let origin: UsageOrigin
    private let begun = ContinuousClock.now

    private struct State {
        var model: String?
        var isOpen = true
    }

    private let state = Mutex(State())

    init(_ accounts: Accounts, _ grant: QuotaGrant?, _ origin: UsageOrigin, maximumTokens: Int?) {
        self.accounts = accounts
        self.grant = grant
        self.origin = origin
        self.maximumTokens = maximumTokens
    }

    deinit { fail(keepsRequest: false) }

    /// Notes the model that does the work.
    func note(model: String) { state.withLock { $0.model = model } }

    // MARK: Ends

    /// Ends the account of an answer. Of an answer that was cancelled, the computed part counts; one that failed costs nothing.
    func end(_ life: AnswerLife) {
        note(model: life.model)
        let seconds = life.begun.flatMap { begun in life.ended.map { $0 - begun } }
        switch life.outcome {
        case .completed: end(life.usage ?? .none, taking: seconds)
        case .cancelled:
            var usage = life.usage ?? life.prompt ?? .none
            // The tokens of an answer that did not finish are not counted; each of its parts has at least about one.
            if life.usage == nil { usage.completionTokens = life.parts }
            end(usage, taking: seconds)
        case .failed(let error): fail(keepsRequest: Self.isClients(error), taking: seconds)
        }
    }

    /// Ends the account of work that has succeeded.
    /// - taking: the time for which the model computed; nil for the time since the admission.
    func end(_ usage: Usage, taking duration: Duration? = nil) {
        guard let model = close() else { return }
        let cached = min(usage.cachedPromptTokens, usage.promptTokens)
        let counted =
            usage.promptTokens - cached + Int((Double(cached) * accounts.cachedTokenFactor).rounded(.up)) + usage.completionTokens
        if let grant { accounts.quotas.settle(grant, tokens: counted, keepsRequest: true) }
        var sums = UsageSums()
        sums.inputTokens = usage.promptTokens
        sums.cachedTokens = cached
        sums.outputTokens = usage.completionTokens
        sums.reasoningTokens = usage.reasoningTokens
        sums.countedTokens = counted
        record(&sums, model, duration ?? ContinuousClock.now - begun)
    }

    /// Ends the account of work that has failed. It costs no tokens. A request with a mistake still counts as a request.
    func fail(_ error: any Error) {
        fail(keepsRequest: error is CancellationError || Self.isClients(APIError(any: error)))
    }

    private func fail(keepsRequest: Bool, taking duration: Duration? = nil) {
        guard let model = close() else { return }
        if let grant { accounts.quotas.settle(grant, tokens: 0, keepsRequest: keepsRequest) }
        var sums = UsageSums()
        sums.errors = 1
        record(&sums, model, duration ?? .zero)
    }

    private func record(_ sums: inout UsageSums, _ model: String, _ duration: Duration) {
        guard let usage = accounts.usage else { return }
        var origin = origin
        origin.model = model
        sums.requests = 1
        sums.milliseconds = max(0, Int(duration / .milliseconds(1)))
        usage.record(origin, sums)
    }

    /// Returns the model at the first end; nil at later ones.
    private func close() -> String? {
        state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen ? state.model ?? "" : nil
        }
    }

    /// Whether an error is the client's mistake, unlike a full queue.
    private static func isClients(_ error: APIError) -> Bool { (400..<500).contains(error.status) && error.status != 429 }
}

extension Usage {
    static let none = prompt(0)

    /// Returns the usage of work that generates nothing.
    static func prompt(_ tokens: Int) -> Usage { Usage(promptTokens: tokens, cachedPromptTokens: 0, completionTokens: 0) }
}

/// Ends the accounts of answers.
struct AnswerAccounts: AnswerObserver {
    func ended(_ life: AnswerLife, _ caller: Caller) { caller.charge?.end(life) }
}
