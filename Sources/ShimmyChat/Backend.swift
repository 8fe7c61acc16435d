package import Logging
package import ShimmyCore
package import ShimmyEngine

/// A conversation to be continued by one answer.
package struct ChatRequest: Sendable, Equatable {
    package var messages: [ChatMessage]
    /// The most tokens of the answer; nil lets it run to the end of the context.
    package var maximumTokens: Int?
    package var sampling: SamplingParameters
    package var stops: [String]
    /// Answers to the one conversation. Those after the first draw with seeds of their own.
    package var choices: Int
    /// What the answer will probably be, in whole or in parts; empty for none. It saves time and changes no token.
    package var prediction: String

    package init(
        messages: [ChatMessage], maximumTokens: Int? = nil, sampling: SamplingParameters = .init(), stops: [String] = [], choices: Int = 1,
        prediction: String = ""
    ) {
        self.messages = messages
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stops = stops
        self.choices = choices
        self.prediction = prediction
    }
}

/// Why a request cannot be served by this model, found before any work starts.
package enum GenerationError: Error, Equatable {
    case templateRefused(String)
    /// `requested` is the answer's limit where the request set one.
    case contextExceeded(prompt: Int, requested: Int?, context: Int)
    case emptyPrompt
}

/// For whom a request is served, and how urgently.
package struct ServiceTerms: Sendable, Equatable {
    /// Shares fairly with all others.
    package var owner: Owner
    /// Served only when nobody else has work.
    package var isFlex: Bool

    package init(owner: Owner = .common, isFlex: Bool = false) {
        self.owner = owner
        self.isFlex = isFlex
    }
}

/// Serves a model, wherever it runs.
package protocol Backend: Sendable {
    /// Longest prompt and answer together, in tokens.
    var contextLength: Int { get }
    /// Identifies what computes: engine, build, model and settings. Equal fingerprints promise equal answers to equal seeds.
    var fingerprint: String { get }
    var statistics: EngineStatistics { get }

    /// Renders, tokenizes and checks the request, then queues it.
    /// Throws `GenerationError` or `QueueFull` before any work starts.
    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer

    /// Frees the model. Answers that still run fail.
    func shutdown() async
}

extension Backend {
    /// For nobody in particular.
    package func generate(_ request: ChatRequest) async throws -> sending Answer { try await generate(request, terms: ServiceTerms()) }
}

/// A model in this process.
package final class LocalBackend: Backend {
    package let fingerprint: String
    private let vocabulary: any Vocabulary
    private let template: any ChatTemplate
    private let engine: EngineHandle
    private let logger: Logger

    package init(vocabulary: any Vocabulary, template: any ChatTemplate, engine: EngineHandle, fingerprint: String, logger: Logger) {
        self.logger = logger
        self.vocabulary = vocabulary
        self.template = template
        self.engine = engine
        self.fingerprint = fingerprint
    }

    package var contextLength: Int { engine.limits.contextLength }
    package var statistics: EngineStatistics { engine.statistics }

    @concurrent package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        let prompt: RenderedPrompt
        do {
            prompt = try template.render(request.messages)
        } catch {
            throw GenerationError.templateRefused(error.description)
        }
        let tokens = vocabulary.tokenize(prompt.text, addSpecial: true, parseSpecial: true)
        guard !tokens.isEmpty else { throw GenerationError.emptyPrompt }
        let room = contextLength - tokens.count
        guard room > 0, request.maximumTokens ?? 1 <= room else {
            throw GenerationError.contextExceeded(prompt: tokens.count, requested: request.maximumTokens, context: contextLength)
        }
        var sequence = SequenceRequest(
            prompt: tokens, maximumTokens: request.maximumTokens ?? room, sampling: request.sampling, owner: terms.owner, isFlex: terms.isFlex)
        if !request.prediction.isEmpty {
            sequence.prediction = vocabulary.tokenize(request.prediction, addSpecial: false, parseSpecial: false)
        }
        let sequences = (0..<request.choices).map { choice in
            var sequence = sequence
            if let seed = request.sampling.seed { sequence.sampling.seed = seed &+ Int64(choice) }
            return sequence
        }
        let stops = request.stops + prompt.additionalStops
        return Answer(
            streams: try engine.submit(sequences), vocabulary: vocabulary, stops: stops, promptTokens: tokens.count
        ) { [vocabulary, logger] start in Self.log(start, of: tokens, vocabulary, logger) }
    }

    /// Says where a prompt left what was cached: the usual answer to "why was my prefix not reused?".
    private static func log(_ start: PromptStart, of prompt: [Token], _ vocabulary: any Vocabulary, _ logger: Logger) {
        guard logger.logLevel <= .debug else { return }
        func text(_ tokens: some Sequence<Token>) -> String { String(decoding: tokens.flatMap(vocabulary.piece), as: UTF8.self) }
        var metadata: Logger.Metadata = ["prompt_tokens": "\(prompt.count)", "cached_tokens": "\(start.cachedTokens)"]
        if let divergence = start.divergence {
            metadata["diverges_at"] = "\(divergence.index)"
            metadata["after"] = "\(text(prompt[..<divergence.index].suffix(8)))"
            metadata["cached"] = "\(text([divergence.cached]))"
            metadata["prompt"] = "\(text(prompt[divergence.index...].prefix(1)))"
        }
        logger.debug("a prompt started", metadata: metadata)
    }

    package func shutdown() async { await engine.shutdown() }
}
