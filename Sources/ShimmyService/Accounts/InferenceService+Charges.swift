import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore

/// Admission of requests within the limits of their keys.
extension InferenceService {
    /// Returns the caller with an account of one request, whose estimate is reserved. Throws a 429 if a limit of the key refuses the request.
    func charged(_ caller: Caller, _ endpoint: UsageEndpoint, _ estimate: WorkEstimate) throws(APIError) -> Caller {
        caller.charging(try accounts.charge(caller, endpoint, estimate))
    }

    /// Returns the caller with an account of a request for answers.
    /// - media: the images and recordings of the request's items; nil for those of its messages.
    func charged(
        _ caller: Caller, _ endpoint: UsageEndpoint, _ chat: ChatRequest, media: [MediaPart]? = nil
    ) throws(APIError) -> Caller {
        // The data of media has far more bytes than a text with as many tokens.
        let media = media ?? chat.conversation.messages.flatMap(\.media)
        let texts = max(0, media.reduce(caller.inputBytes) { $0 - $1.size })
        let bytes = media.reduce(texts) { $0.saturated(adding: $1.estimatedBytes) }
        return try charged(caller, endpoint, WorkEstimate(bytes: bytes, output: chat.maximumTokens, answers: chat.choices))
    }

    /// Returns the caller with an account of a request for continuations of texts.
    func charged(_ caller: Caller, _ endpoint: UsageEndpoint, _ text: TextRequest) throws(APIError) -> Caller {
        let answers = max(1, text.prompts.count).saturated(multipliedBy: text.choices)
        return try charged(caller, endpoint, WorkEstimate(bytes: caller.inputBytes, output: text.maximumTokens, answers: answers))
    }

    /// Does work with an account. The work ends the account when it knows what it used; otherwise it costs a request alone.
    func charging<Value: Sendable>(
        _ caller: Caller, _ endpoint: UsageEndpoint, _ estimate: WorkEstimate, _ work: (Caller) async throws -> Value
    ) async throws -> Value {
        let caller = try charged(caller, endpoint, estimate)
        return try await caller.charge.during {
            let value = try await work(caller)
            caller.charge?.end(.none)
            return value
        }
    }

    /// Does work that generates nothing, such as embeddings, with an account.
    func charging<Value: Sendable>(
        _ caller: Caller, _ endpoint: UsageEndpoint, _ work: (Caller) async throws -> Value
    ) async throws -> Value {
        try await charging(caller, endpoint, WorkEstimate(bytes: caller.inputBytes, output: 0), work)
    }

    /// Does work that only renders a prompt or counts its tokens. It counts as a request without tokens.
    package func counting<Value: Sendable>(_ caller: Caller, _ work: () async throws -> Value) async throws -> Value {
        try await charging(caller, .tokenize, .nothing) { _ in try await work() }
    }
}

extension APIError {
    init(_ refusal: QuotaRefusal) {
        let wait = refusal.wait
        switch refusal.kind {
        case .requestsPerMinute: self = .rateLimited(.requests, limit: refusal.limit, used: refusal.used, wait: wait)
        case .tokensPerMinute: self = .rateLimited(.tokens, limit: refusal.limit, used: refusal.used, wait: wait, needed: refusal.needed)
        case .concurrency: self = .tooManyAtOnce(limit: refusal.limit)
        case .tokensPerDay: self = .dayUsedUp(limit: refusal.limit, used: refusal.used, wait: wait, needed: refusal.needed)
        }
    }
}
