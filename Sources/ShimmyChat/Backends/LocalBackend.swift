package import Logging
package import ShimmyCore
package import ShimmyEngine
import ShimmyGrammar

/// A model in this process.
package final class LocalBackend: Backend {
    package let fingerprint: String
    package let adapters: ModelAdapters
    private let vocabulary: any Vocabulary
    private let template: any ChatTemplate
    private let engine: EngineHandle
    private let constraints: ConstraintCompiler
    private let breakers: BreakerCompiler
    /// Control tokens; none where the cache needs no landmarks.
    private let turnMarks: Set<Token>
    private let logger: Logger

    /// - adapters: as many as the engine's runner has, in its order.
    package init(
        vocabulary: any Vocabulary, template: any ChatTemplate, engine: EngineHandle, fingerprint: String, adapters: ModelAdapters = .init(),
        logger: Logger
    ) {
        self.logger = logger
        self.adapters = adapters
        self.vocabulary = vocabulary
        self.template = template
        constraints = ConstraintCompiler(vocabulary: vocabulary)
        breakers = BreakerCompiler(vocabulary: vocabulary)
        turnMarks = engine.limits.canRewind ? [] : Set(vocabulary.controlTokens + vocabulary.endTokens)
        self.engine = engine
        self.fingerprint = fingerprint
    }

    package var tokenizer: TokenizerFacts { TokenizerFacts(vocabulary, template: template.source) }
    package var contextLength: Int { engine.limits.contextLength }
    package var statistics: EngineStatistics { engine.statistics }

    @concurrent package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        try check(request.sampling)
        try checkRoom(prompts: 1, choices: request.choices)
        let adapters = try adapters.set(for: request.adapters)
        let prompt = try render(request.conversation)
        let tokens = try tokens(of: prompt)
        let room = contextLength - tokens.count
        guard room > 0, request.maximumTokens ?? 1 <= room else {
            throw GenerationError.contextExceeded(prompt: tokens.count, requested: request.maximumTokens, context: contextLength)
        }
        var sequence = SequenceRequest(
            prompt: tokens, maximumTokens: request.maximumTokens ?? room, sampling: request.sampling,
            constraint: try constraint(of: prompt, request), owner: terms.owner, isFlex: terms.isFlex)
        sequence.sampling.breakers = breakers.breakers(for: request.sampling)
        sequence.landmarks = landmarks(of: tokens)
        sequence.adapters = adapters
        if !request.prediction.isEmpty {
            sequence.prediction = vocabulary.tokenize(request.prediction, addSpecial: false, parseSpecial: false)
        }
        return Answer(
            streams: try engine.submit(Self.choices(request.choices, of: sequence)), vocabulary: vocabulary, style: style(of: prompt, request),
            promptTokens: tokens.count
        ) { [vocabulary, logger] _, start in Self.log(start, of: tokens, vocabulary, logger) }
    }

    @concurrent package func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer {
        try check(request.sampling)
        try checkRoom(prompts: request.prompts.count, choices: request.choices)
        let adapters = try adapters.set(for: request.adapters)
        var sequences: [SequenceRequest] = []
        var scores: [@Sendable ([TokenLogprobs]) -> [PromptToken]] = []
        var prompts: [[Token]] = []
        for (index, prompt) in request.prompts.enumerated() {
            let tokens = try tokens(of: prompt, at: index, suffix: request.suffix)
            guard tokens.count + request.maximumTokens <= contextLength else {
                throw GenerationError.contextExceeded(prompt: tokens.count, requested: request.maximumTokens, context: contextLength)
            }
            prompts.append(tokens)
            var sequence = SequenceRequest(
                prompt: tokens, maximumTokens: request.maximumTokens, sampling: request.sampling, owner: terms.owner, isFlex: terms.isFlex)
            sequence.sampling.breakers = breakers.breakers(for: request.sampling)
            sequence.scoresPrompt = request.scoresPrompt
            sequence.adapters = adapters
            sequences += Self.choices(request.choices, of: sequence)
            guard request.scoresPrompt else { continue }
            let text = PromptText(tokens: tokens, of: prompt, vocabulary: vocabulary)
            scores += Array(repeating: { text.tokens(with: $0) }, count: request.choices)
        }
        return Answer(
            streams: try engine.submit(sequences), vocabulary: vocabulary, style: AnswerStyle(stops: request.stops),
            promptTokens: prompts.reduce(0) { $0 + $1.count }, choicesPerPrompt: request.choices, scores: scores
        ) { [vocabulary, logger, prompts] choice, start in Self.log(start, of: prompts[choice / request.choices], vocabulary, logger) }
    }

    /// More answers than there are places, even where nobody else asks: to come back later would not help.
    private func checkRoom(prompts: Int, choices: Int) throws(GenerationError) {
        guard prompts * choices <= engine.capacity else {
            throw .tooManyAnswers(prompts: prompts, choices: choices, most: engine.capacity)
        }
    }

    private func check(_ sampling: SamplingParameters) throws(GenerationError) {
        if let token = sampling.bias.keys.first(where: { Int($0) >= vocabulary.tokenCount }) {
            throw .unknownToken(token, vocabulary: vocabulary.tokenCount)
        }
    }

    /// Choices draw with seeds of their own.
    private static func choices(_ count: Int, of sequence: SequenceRequest) -> [SequenceRequest] {
        (0..<count).map { choice in
            var copy = sequence
            if let seed = sequence.sampling.parameters.seed { copy.sampling.parameters.seed = seed &+ Int64(choice) }
            return copy
        }
    }

    private func tokens(of prompt: TextRequest.Prompt, at index: Int, suffix: String?) throws(GenerationError) -> [Token] {
        var tokens: [Token]
        switch prompt {
        case .text(let text): tokens = vocabulary.tokenize(text, addSpecial: suffix == nil, parseSpecial: true)
        case .tokens(let given):
            tokens = given
            if let unknown = given.first(where: { !vocabulary.contains($0) }) {
                throw .unknownPromptToken(prompt: index, unknown)
            }
        }
        if let suffix {
            guard let infill = vocabulary.infill(tokens, vocabulary.tokenize(suffix, addSpecial: false, parseSpecial: true)) else { throw .noInfill }
            tokens = infill
        }
        // A text without tokens still has a beginning, where the model knows one.
        if tokens.isEmpty { tokens = vocabulary.beginning }
        if tokens.isEmpty { throw .emptyPrompt }
        return tokens
    }

    @concurrent package func prepare(_ conversation: Conversation) async throws -> PreparedPrompt {
        let prompt = try render(conversation)
        return PreparedPrompt(text: prompt.text, tokens: try tokens(of: prompt))
    }

    @concurrent package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token] {
        vocabulary.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
    }

    @concurrent package func pieces(of tokens: [Token]) async throws -> [[UInt8]?] { vocabulary.pieces(of: tokens) }

    package func shutdown() async { await engine.shutdown() }

    // MARK: From a conversation to a sequence

    private func render(_ conversation: Conversation) throws(GenerationError) -> RenderedPrompt {
        for (index, tool) in conversation.tools.enumerated() {
            guard let grammar = tool.inputGrammar, conversation.toolChoice.mode != .none else { continue }
            do {
                _ = try constraints.compile(GrammarText("root ::= \(grammar.root)\n\(grammar.rules)"))
            } catch {
                throw .badToolGrammar(index, error.description)
            }
        }
        let schemas: HeldSchemas
        do {
            schemas = try HeldSchemas(conversation)
        } catch {
            switch error {
            case .tool(let index, let error): throw .badSchema(tool: index, error.description)
            case .answer(let error): throw .badSchema(tool: nil, error.description)
            }
        }
        for (tool, note) in schemas.notes {
            logger.info("a call is not held to all of its schema", metadata: ["tool": "\(conversation.tools[tool].name)", "keyword": "\(note)"])
        }
        do {
            return try template.render(conversation, holding: schemas)
        } catch {
            throw .templateRefused(error.description)
        }
    }

    private func tokens(of prompt: RenderedPrompt) throws(GenerationError) -> [Token] {
        let tokens = vocabulary.tokenize(prompt)
        if tokens.isEmpty { throw .emptyPrompt }
        return tokens
    }

    /// Where the last turns of a prompt begin: there an edited message or a next one parts from it.
    private func landmarks(of tokens: [Token]) -> [Int] {
        var landmarks: [Int] = []
        for (index, token) in tokens.enumerated().reversed() where turnMarks.contains(token) && index > 0 {
            // The end of one turn and the beginning of the next are close together: one place.
            if let last = landmarks.last, last - index < 8 { landmarks.removeLast() }
            landmarks.append(index)
            if landmarks.count > Self.landmarks { break }
        }
        return Array(landmarks.prefix(Self.landmarks))
    }

    private static let landmarks = 2

    private func constraint(of prompt: RenderedPrompt, _ request: ChatRequest) throws(GenerationError) -> (any ConstraintSource)? {
        let grammar = try grammar(of: prompt, request)
        // A request's own grammar knows nothing of thoughts.
        let waits = request.grammar != nil || prompt.grammar.map { !$0.triggers.isEmpty } ?? false
        guard let tags = prompt.thinking, waits || request.thinkingBudget != nil else { return grammar }
        let settings = ThinkingConstraint.Settings(
            tags: tags, prefix: prompt.generationPrompt, budget: request.thinkingBudget, grammarWaits: waits)
        return ThinkingSource(settings: settings, grammar: grammar, vocabulary: vocabulary)
    }

    private func grammar(of prompt: RenderedPrompt, _ request: ChatRequest) throws(GenerationError) -> (any ConstraintSource)? {
        do {
            if let text = request.grammar { return try constraints.compile(GrammarText(text)) }
            return try prompt.grammar.map { grammar throws(GrammarTextError) in
                try constraints.compile(grammar, prefix: prompt.generationPrompt)
            }
        } catch {
            throw request.grammar == nil ? .templateRefused(error.description) : .badGrammar(error.description)
        }
    }

    private func style(of prompt: RenderedPrompt, _ request: ChatRequest) -> AnswerStyle {
        let conversation = request.conversation
        return AnswerStyle(
            format: prompt.format, preserved: Set(prompt.preservedTokens.compactMap(vocabulary.special)), formatStops: prompt.additionalStops,
            stops: request.stops, maximumCalls: conversation.allowsParallelCalls ? .max : 1,
            continues: conversation.continuation == .content || conversation.continuation == .reasoning,
            thinking: prompt.thinking, generationPrompt: prompt.generationPrompt)
    }

    /// Says where a prompt left what was cached: the usual answer to "why was my prefix not reused?".
    private static func log(_ start: PromptStart, of prompt: [Token], _ vocabulary: any Vocabulary, _ logger: Logger) {
        guard logger.logLevel <= .debug else { return }
        func text(_ tokens: some Sequence<Token>) -> String {
            String(decoding: tokens.flatMap { vocabulary.piece(of: $0) }, as: UTF8.self)
        }
        var metadata: Logger.Metadata = ["prompt_tokens": "\(prompt.count)", "cached_tokens": "\(start.cachedTokens)"]
        if let divergence = start.divergence {
            metadata["diverges_at"] = "\(divergence.index)"
            metadata["after"] = "\(text(prompt[..<divergence.index].suffix(8)))"
            metadata["cached"] = "\(text([divergence.cached]))"
            metadata["prompt"] = "\(text(prompt[divergence.index...].prefix(1)))"
        }
        logger.debug("a prompt started", metadata: metadata)
    }
}
