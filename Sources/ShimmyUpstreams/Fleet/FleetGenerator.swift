import ShimmyChat

/// A generator whose answers come from the replicas of a model.
struct FleetGenerator: TextGenerator {
    let fleet: UpstreamFleet
    let offer: String
    let contextLength: Int
    /// Whether the model does not reason.
    let lacksReasoning: Bool
    /// Whether all replicas say that the model reads images.
    let readsImages: Bool

    func prepare(_ conversation: Conversation) async throws -> PreparedPrompt {
        let context = try UpstreamContext.current(for: offer)
        return try await fleet.call(offer, FleetPrompt()) { place in
            try await place.peer.prepare(conversation, model: place.model, context: context)
        }
    }

    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        let context = try UpstreamContext(terms, for: offer)
        let prompt = try await FleetPrompt.of(request.conversation)
        let admitted = try terms.admitting(promptTokens: prompt.estimatedTokens)
        return try await fleet.answer(offer, prompt) { place in
            var maximum = request.maximumTokens
            if request.clampsMaximumTokens, let tokens = maximum {
                maximum = try await fitting(tokens, bytes: request.conversation.bytes, place) {
                    try await place.peer.prepare(request.conversation, model: place.model, context: context).tokens.count
                }
            }
            let answer = try await generateReadable(request, maximum, place, admitted, context)
            return Answer.reporting(answer, withoutEffect: lacksReasoning ? request.conversation.reasoningFields : [])
        }
    }

    /// Requests an answer. An upstream that does not say what its model reads can refuse the images in tools' outputs, which agents send again with
    /// each request. It then gets the request once more without them.
    private func generateReadable(
        _ request: ChatRequest, _ maximum: Int?, _ place: FleetPlace, _ terms: ServiceTerms, _ context: UpstreamContext
    ) async throws -> sending Answer {
        do {
            return try await generate(request, maximum, place, terms, context)
        } catch let failure as UpstreamFailure {
            guard !readsImages, failure.mayRefuseMedia, request.conversation.hasOutputMedia else { throw failure }
            var readable = request
            readable.conversation.omitOutputMedia(except: .none)
            return try await generate(readable, maximum, place, terms, context)
        }
    }

    /// Requests an answer. If the upstream refuses the number of tokens and says its limit, and the request lets its number be reduced, it is sent
    /// once more with the limit.
    private func generate(
        _ request: ChatRequest, _ maximum: Int?, _ place: FleetPlace, _ terms: ServiceTerms, _ context: UpstreamContext
    ) async throws -> sending Answer {
        var fitted = request
        fitted.maximumTokens = maximum
        do {
            let answer = try await place.peer.generate(fitted, model: place.model, terms: terms, context: context)
            return Answer.clamped(answer, to: maximum == request.maximumTokens ? nil : maximum)
        } catch let failure as UpstreamFailure {
            guard request.clampsMaximumTokens, let limit = maximum.flatMap(failure.answerLimit) else { throw failure }
            fitted.maximumTokens = limit
            let answer = try await place.peer.generate(fitted, model: place.model, terms: terms, context: context)
            return Answer.clamped(answer, to: limit)
        }
    }

    func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer {
        let context = try UpstreamContext(terms, for: offer)
        let prompt = FleetPrompt(request.prompts)
        let admitted = try terms.admitting(promptTokens: prompt.estimatedTokens)
        let sizes = prompt.parts.map(\.count)
        return try await fleet.answer(offer, prompt) { place in
            var fitted = request
            if request.clampsMaximumTokens, let longest = sizes.indices.max(by: { sizes[$0] < sizes[$1] }) {
                fitted.maximumTokens = try await fitting(request.maximumTokens, bytes: sizes[longest], place) {
                    switch request.prompts[longest] {
                    case .tokens(let tokens): return tokens.count
                    case .text(let text):
                        return try await place.peer.tokenize(text, model: place.model, addSpecial: true, parseSpecial: true, context: context).count
                    }
                }
            }
            let answer = try await place.peer.complete(fitted, model: place.model, terms: admitted, context: context)
            return Answer.clamped(answer, to: fitted.maximumTokens == request.maximumTokens ? nil : fitted.maximumTokens)
        }
    }

    /// The tokens that a chat template adds to a short conversation, at most.
    private static let templateTokens = 1_024

    /// Returns the max tokens of an answer that fit into the context, for a request that lets its number be reduced. Most servers refuse a higher
    /// number.
    /// - bytes: the size of the prompt. A token has at least about one.
    /// - count: returns the number of the prompt's tokens.
    private func fitting(_ tokens: Int, bytes: Int, _ place: FleetPlace, _ count: () async throws -> Int) async throws -> Int {
        // llama-server reduces the number itself.
        guard place.peer.kind != .llamaServer, contextLength < UpstreamFleet.unknownContext,
            tokens > contextLength - Self.templateTokens - min(bytes, contextLength)
        else { return tokens }
        do {
            let prompt = try await count()
            return max(1, min(tokens, contextLength - min(prompt, contextLength)))
        } catch let failure as UpstreamFailure where failure.isUnsupported {
            return tokens
        }
    }
}
