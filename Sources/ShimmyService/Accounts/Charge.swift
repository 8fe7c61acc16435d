import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import Synchronization

/// The charge for one request from its admission to its end: what is reserved, and then what was used.
///
/// The first end counts. A charge that is released without an end belongs to work that could not begin: it returns all that was reserved, and counts
/// as an error.
final class Charge: Sendable {
    private let accounts: Accounts
    /// The limits of the request's key.
    private let limits: AccessKey.Limits
    private let origin: UsageOrigin
    private let begun = ContinuousClock.now

    private struct State {
        var grant: QuotaGrant?
        var estimate: WorkEstimate
        var model: String?
        /// The tokens of the prompts that the engine may have computed.
        var admitted = 0
        /// Whether a limit refused the request after its prompt was known.
        var isRefused = false
        var isOpen = true
    }

    private let state: Mutex<State>

    /// - grant: the reservation; nil if the key has no limits.
    /// - estimate: the tokens for which the reservation was asked.
    init(
        _ accounts: Accounts, _ grant: QuotaGrant?, _ origin: UsageOrigin, _ estimate: WorkEstimate = .nothing, _ limits: AccessKey.Limits = .init()
    ) {
        self.accounts = accounts
        self.origin = origin
        self.limits = limits
        state = Mutex(State(grant: grant, estimate: estimate))
    }

    deinit { fail(keepsRequest: false) }

    /// Notes the model that does the work.
    func note(model: String) { state.withLock { $0.model = model } }

    // MARK: Limits

    /// Reserves the tokens of the whole prompt, which are known now, and those of the answers. Returns the max tokens of each answer, because no more
    /// could be reserved; nil for no limit. Throws a 429 if a limit of the key leaves too few tokens to begin.
    func admit(promptTokens: Int) throws(APIError) -> Int? {
        let result: Result<Int?, QuotaRefusal> = state.withLock { state in
            // Work that was cancelled reserves nothing.
            guard state.isOpen else { return .success(nil) }
            guard let grant = state.grant else {
                state.admitted = promptTokens
                return .success(nil)
            }
            var estimate = state.estimate
            estimate.input = promptTokens
            do throws(QuotaRefusal) {
                let raised = try accounts.quotas.raise(grant, limits, to: estimate.tokens, atLeast: estimate.least)
                (state.grant, state.estimate, state.admitted) = (raised, estimate, promptTokens)
                return .success(estimate.outputLimit(granted: raised.tokens))
            } catch {
                state.isRefused = true
                return .failure(error)
            }
        }
        switch result {
        case .success(let most): return most
        case .failure(let refusal): throw APIError(refusal)
        }
    }

    // MARK: Ends

    /// Ends the charge for an answer. Of an answer that was cancelled, the computed part counts; one that failed costs nothing, and its part is only
    /// recorded.
    func end(_ life: AnswerLife) {
        note(model: life.model)
        let seconds = life.begun.flatMap { begun in life.ended.map { $0 - begun } }
        switch life.outcome {
        case .completed: end(life.usage == nil ? .none : computed(life), taking: seconds)
        case .cancelled: end(computed(life), taking: seconds)
        case .failed(let error): fail(keepsRequest: Self.isClients(error), computed(life), taking: seconds)
        }
    }

    /// Returns the usage of an answer. The tokens of one that did not finish are not counted, nor are those of an upstream server that reports no
    /// counts: each part has at least about one, and the prompt has those that were admitted.
    private func computed(_ life: AnswerLife) -> Usage {
        if let usage = life.usage, max(usage.promptTokens, usage.completionTokens) > 0 { return usage }
        let admitted = state.withLock { $0.admitted }
        var usage = life.prompt ?? .prompt(admitted)
        if usage.promptTokens == 0 { usage.promptTokens = admitted }
        usage.completionTokens = life.parts
        return usage
    }

    /// Ends the charge for work that has succeeded.
    /// - taking: the time for which the model computed; nil for the time since the admission.
    func end(_ usage: Usage, taking duration: Duration? = nil) {
        guard let (model, grant) = close() else { return }
        let usage = usage.withRejected
        let cached = min(usage.cachedPromptTokens, usage.promptTokens)
        let counted =
            usage.promptTokens - cached + Int((Double(cached) * accounts.cachedTokenFactor).rounded(.up)) + usage.completionTokens
        if let grant { accounts.quotas.settle(grant, tokens: counted, keepsRequest: true) }
        var sums = Self.sums(usage)
        sums.countedTokens = counted
        record(&sums, model, duration ?? ContinuousClock.now - begun)
    }

    /// Ends the charge for work that has failed. It costs no tokens. A request with a mistake still counts as a request. Work whose client
    /// disconnected counts with its prompt, which may be computed.
    func fail(_ error: any Error) {
        if error is CancellationError || APIError(any: error) == .cancelled { return end(.prompt(state.withLock { $0.admitted })) }
        fail(keepsRequest: Self.isClients(APIError(any: error)))
    }

    private func fail(keepsRequest: Bool, _ usage: Usage = .none, taking duration: Duration? = nil) {
        let isRefused = state.withLock { $0.isRefused }
        guard let (model, grant) = close() else { return }
        if let grant { accounts.quotas.settle(grant, tokens: 0, keepsRequest: keepsRequest) }
        // A request that a limit refused is not recorded, whenever the limit was found.
        if isRefused, usage.promptTokens == 0 { return }
        var sums = Self.sums(usage)
        sums.errors = 1
        record(&sums, model, duration ?? .zero)
    }

    private static func sums(_ answered: Usage) -> UsageSums {
        let usage = answered.withRejected
        var sums = UsageSums()
        sums.inputTokens = usage.promptTokens
        sums.cachedTokens = min(usage.cachedPromptTokens, usage.promptTokens)
        sums.outputTokens = usage.completionTokens
        sums.reasoningTokens = usage.reasoningTokens
        return sums
    }

    private func record(_ sums: inout UsageSums, _ model: String, _ duration: Duration) {
        guard let usage = accounts.usage else { return }
        var origin = origin
        origin.model = model
        sums.requests = 1
        sums.milliseconds = max(0, Int(duration / .milliseconds(1)))
        usage.record(origin, sums)
    }

    /// Returns the model and the reservation at the first end; nil at later ones.
    private func close() -> (model: String, grant: QuotaGrant?)? {
        state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen ? (model: state.model ?? "", grant: state.grant) : nil
        }
    }

    /// Whether an error is the client's mistake, unlike a full queue.
    private static func isClients(_ error: APIError) -> Bool { (400..<500).contains(error.status) && error.status != 429 }
}

extension Charge? {
    /// Does a part of the charged work. If it throws, the charge ends with the error.
    func during<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch {
            self?.fail(error)
            throw error
        }
    }
}

extension Usage {
    static let none = prompt(0)

    /// Returns the usage of work that generates nothing.
    static func prompt(_ tokens: Int) -> Usage { Usage(promptTokens: tokens, cachedPromptTokens: 0, completionTokens: 0) }
}

/// Ends the charges for answers.
struct AnswerAccounts: AnswerObserver {
    func ended(_ life: AnswerLife, _ caller: Caller) { caller.charge?.end(life) }
}
