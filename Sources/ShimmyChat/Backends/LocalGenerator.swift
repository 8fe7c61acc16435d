package import Logging
import ShimmyCore
package import ShimmyEngine
import ShimmyGrammar
import ShimmyJSON

/// A text generation model in this process.
package final class LocalGenerator: TextGenerator, EngineInspection {
    package let adapters: ModelAdapters
    let vocabulary: any Vocabulary
    let template: any ChatTemplate
    let engine: EngineHandle
    private let constraints: ConstraintCompiler
    private let breakers: BreakerCompiler
    /// The tokens that separate turns; empty if the cache needs no landmarks.
    private let turnMarks: Set<Token>
    private let logger: Logger
    /// Whether debug messages may contain parts of prompts.
    private let logsText: Bool

    /// - adapters: the adapters of the engine's runner, in the same order.
    package init(
        vocabulary: any Vocabulary, template: any ChatTemplate, engine: EngineHandle, adapters: ModelAdapters = .init(), logger: Logger,
        logsText: Bool = false
    ) {
        self.logger = logger
        self.logsText = logsText
        self.adapters = adapters
        self.vocabulary = vocabulary
        self.template = template
        constraints = ConstraintCompiler(vocabulary: vocabulary)
        breakers = BreakerCompiler(vocabulary: vocabulary)
        turnMarks = engine.limits.canRewind ? [] : Set(vocabulary.controlTokens + vocabulary.endTokens)
        self.engine = engine
    }

    /// Returns the model with this generator as its only role. Its shutdown ends the engine.
    package func backend(fingerprint: String) -> Backend {
        Backend(
            contextLength: contextLength, fingerprint: fingerprint, generator: self, decider: self,
            tokenizer: LocalTokenizer(vocabulary: vocabulary, template: template.source), engine: self, shutdown: shutdown)
    }

    package func shutdown() async { await engine.shutdown() }

    package var contextLength: Int { engine.limits.contextLength }
    package var statistics: EngineStatistics { engine.statistics }
    package var grammarBytes: Int { constraints.bytes }
    package func forgetGrammars() { constraints.removeAll() }

    @concurrent package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        do {
            return try await answer(request, terms)
        } catch GenerationError.unfitBeginning where !request.conversation.mustContinue {
            // The client did not ask for a continuation. Answer the last message as a complete one, as OpenAI does.
            var request = request
            request.conversation.continuation = .no
            return try await answer(request, terms)
        }
    }

    @concurrent private func answer(_ request: ChatRequest, _ terms: ServiceTerms) async throws -> sending Answer {
        try check(request.sampling)
        try checkRoom(prompts: 1, choices: request.choices)
        let adapters = try adapters.set(for: request.adapters)
        // A limit that is reduced to the room is not the reason why a prompt does not fit.
        let wanted = request.maximumTokens.map { min($0, terms.maximumTokens ?? $0) }
        let requested = request.clampsMaximumTokens ? nil : wanted
        try checkRoom(for: request.conversation, maximumTokens: requested)
        let (prompt, tokens, promptReport) = try await InputWork.run(lane(for: request.conversation)) { [self] budget in
            let prompt = try render(request.conversation, budget)
            let report = AnswerReport(of: prompt, request.conversation, template)
            if request.needsReasoning, report.lacksReasoning { throw GenerationError.noReasoning }
            let tokens = try self.tokens(of: prompt, after: request.preceding, maximumTokens: requested, budget)
            return (prompt, terms.inspected(tokens, vocabulary), report)
        }
        let room = contextLength - tokens.count
        let isClamped = request.clampsMaximumTokens && wanted ?? 0 > room
        guard room > 0, isClamped || wanted ?? 1 <= room else {
            throw GenerationError.contextExceeded(prompt: tokens.count, requested: requested, context: contextLength)
        }
        let admitted = try terms.admitting(promptTokens: tokens.count)
        let grammar = request.grammar.map { AnswerGrammar($0) } ?? prompt.grammar
        let constraintLane = grammar.map(constraints.keeps) ?? true ? InputWork.lane(bytes: request.prediction.utf8.count) : .slow
        let (sequence, isLoosened) = try await InputWork.run(constraintLane) { [self] budget in
            let (constraint, isLoosened) = try constraint(of: prompt, request)
            var sequence = SequenceRequest(
                prompt: tokens, maximumTokens: min(admitted.limited(request.maximumTokens) ?? room, room), sampling: request.sampling,
                constraint: constraint, owner: terms.owner, isFlex: terms.isFlex)
            sequence.sampling.breakers = breakers.breakers(for: request.sampling)
            (sequence.landmarks, sequence.adapters) = (landmarks(of: tokens), adapters)
            // A prediction beyond the tokenizer's limit is dropped, since it is only a hint.
            if !request.prediction.isEmpty, vocabulary.unbrokenLimit(exceededBy: request.prediction) == nil {
                sequence.prediction = try vocabulary.tokenize(request.prediction, addSpecial: false, parseSpecial: false, within: budget)
            }
            return (sequence, isLoosened)
        }
        var report = promptReport
        if isLoosened { report.unenforced = request.conversation.tools.map { "\($0.name)#" } }
        if isClamped { report.clampedTokens = room }
        report.limitedTokens = admitted.excess(of: request.maximumTokens)
        return EngineAnswer.make(
            try engine.submit(Self.choices(request.choices, of: sequence)), vocabulary: vocabulary, style: style(of: prompt, request),
            promptTokens: tokens.count, constraintField: request.constraintField, report: report,
            history: request.wantsTokens ? TokenHistory(tokens: tokens, turnEnd: vocabulary.endTokens.first) : nil
        ) { [vocabulary, logger, logsText] _, start in Self.log(start, of: tokens, vocabulary, logger, logsText: logsText) }
    }

    @concurrent package func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer {
        let wanted = request.maximumTokens
        let request = request.limited(to: terms.excess(of: wanted))
        try check(request.sampling)
        try checkRoom(prompts: request.prompts.count, choices: request.choices)
        let adapters = try adapters.set(for: request.adapters)
        let bytes = request.prompts.reduce(request.gap?.bytes ?? 0) { $0 + $1.size }
        let texts = try await InputWork.run(InputWork.lane(bytes: bytes)) { [self] budget in
            try request.prompts.enumerated().map { index, prompt in
                try budget.check()
                return try readPrompt(prompt, at: index, of: request, terms, budget)
            }
        }
        let prompts = texts.map(\.tokens)
        let promptTokens = prompts.reduce(0) { $0 + $1.count }
        let admitted = try terms.admitting(promptTokens: promptTokens)
        let form = try await constraints.compile(request.form)
        let breakers = try await InputWork.run(.quick) { [breakers] _ in breakers.breakers(for: request.sampling) }
        let sequences = texts.flatMap { prompt in
            var sequence = SequenceRequest(
                prompt: prompt.tokens, maximumTokens: admitted.limited(prompt.maximumTokens) ?? 0, sampling: request.sampling,
                constraint: form.source, owner: terms.owner, isFlex: terms.isFlex)
            sequence.sampling.breakers = breakers
            sequence.scoresPrompt = request.scoresPrompt
            sequence.adapters = adapters
            return Self.choices(request.choices, of: sequence)
        }
        let scores = texts.flatMap { prompt -> [@Sendable ([TokenLogprobs]) -> [PromptToken]] in
            guard let text = prompt.text else { return [] }
            return Array(repeating: { text.tokens(with: $0) }, count: request.choices)
        }
        var report = texts.reduce(AnswerReport()) { $0.adding($1.infill) }
        (report.unenforced, report.limitedTokens) = (form.unenforced, admitted.excess(of: wanted))
        return EngineAnswer.make(
            try engine.submit(sequences), vocabulary: vocabulary, style: AnswerStyle(stops: request.stops, lines: request.lines),
            promptTokens: promptTokens, promptSizes: prompts.map(\.count), choicesPerPrompt: request.choices, constraintField: request.form?.field,
            report: report, scores: scores, tellsTokens: request.wantsTokens
        ) { [vocabulary, logger, logsText] choice, start in
            Self.log(start, of: prompts[choice / request.choices], vocabulary, logger, logsText: logsText)
        }
    }

    /// A prompt of a text request as tokens; with its text only if its tokens are scored.
    private struct ReadPrompt: Sendable {
        var tokens: [Token]
        /// The maximum number of tokens in its answer.
        var maximumTokens: Int
        var text: PromptText?
        var infill: InfillPrompt?
    }

    private func readPrompt(
        _ prompt: TextRequest.Prompt, at index: Int, of request: TextRequest, _ terms: ServiceTerms, _ budget: WorkBudget
    ) throws -> ReadPrompt {
        let infill = try self.infill(prompt, request, budget)
        let tokens = terms.inspected(try infill?.tokens ?? self.tokens(of: prompt, at: index, of: request, budget), vocabulary)
        let room = contextLength - tokens.count
        guard request.clampsMaximumTokens ? room > 0 : request.maximumTokens <= room else {
            let requested = request.clampsMaximumTokens ? nil : request.maximumTokens
            throw GenerationError.contextExceeded(prompt: tokens.count, requested: requested, context: contextLength)
        }
        var read = ReadPrompt(tokens: tokens, maximumTokens: min(request.maximumTokens, room), infill: infill)
        if request.scoresPrompt { read.text = try PromptText(tokens: tokens, of: prompt, vocabulary: vocabulary, within: budget) }
        return read
    }

    /// Rejects a conversation that cannot fit the context before rendering it. Each message has at least one token.
    func checkRoom(for conversation: Conversation, maximumTokens: Int?) throws(GenerationError) {
        if !conversation.mediaKinds.isEmpty { throw .noMedia }
        let fewest = max(conversation.messages.count, vocabulary.fewestTokens(bytes: conversation.certainBytes))
        try checkRoom(fewest, maximumTokens)
    }

    private func checkRoom(_ fewest: Int, _ maximumTokens: Int?) throws(GenerationError) {
        guard fewest <= contextLength else {
            throw .contextExceeded(prompt: fewest, requested: maximumTokens, context: contextLength, isFewest: true)
        }
    }

    /// Tool grammars are compiled before the prompt is rendered.
    private func lane(for conversation: Conversation) -> WorkerPool.Lane {
        let hasGrammar = conversation.tools.contains { $0.inputGrammar != nil }
        return hasGrammar ? .slow : InputWork.lane(bytes: conversation.bytes)
    }

    /// Rejects a request with more answers than the engine's capacity. It could not run on an idle server either, so a retry would not help.
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

    /// Returns a copy of `sequence` for each choice. With a seed, each choice has its own seed.
    private static func choices(_ count: Int, of sequence: SequenceRequest) -> [SequenceRequest] {
        (0..<count).map { choice in
            var copy = sequence
            if let seed = sequence.sampling.parameters.seed { copy.sampling.parameters.seed = seed &+ Int64(choice) }
            return copy
        }
    }

    private func tokens(of prompt: TextRequest.Prompt, at index: Int, of request: TextRequest, _ budget: WorkBudget) throws -> [Token] {
        // An empty suffix counts as none.
        let suffix = request.suffix.flatMap { $0.isEmpty ? nil : $0 }
        if let suffix { try checkText(suffix, request.maximumTokens) }
        var tokens: [Token]
        switch prompt {
        case .text(let text):
            try checkText(text, request.maximumTokens)
            tokens = try vocabulary.tokenize(text, addSpecial: suffix == nil, parseSpecial: true, within: budget)
        case .tokens(let given):
            tokens = given
            if let unknown = given.first(where: { !vocabulary.contains($0) }) {
                throw GenerationError.unknownPromptToken(prompt: index, unknown)
            }
        }
        if let suffix {
            let after = try vocabulary.tokenize(suffix, addSpecial: false, parseSpecial: true, within: budget)
            guard let marks = vocabulary.infillMarks else { throw GenerationError.noInfill }
            tokens = marks.prompt(before: tokens, after: after)
        }
        // A text without tokens still starts with BOS, if the model has it.
        if tokens.isEmpty { tokens = vocabulary.beginning }
        if tokens.isEmpty { throw GenerationError.emptyPrompt }
        return tokens
    }

    func checkText(_ text: String, _ maximumTokens: Int?) throws(GenerationError) {
        try checkRoom(vocabulary.fewestTokens(bytes: text.utf8.count), maximumTokens)
        try vocabulary.checkLength(of: text)
    }

    @concurrent package func prepare(_ conversation: Conversation) async throws -> PreparedPrompt {
        try checkRoom(for: conversation, maximumTokens: nil)
        return try await InputWork.run(lane(for: conversation)) { [self] budget in
            let prompt = try render(conversation, budget)
            try vocabulary.checkLength(of: prompt.text)
            let tokens = try vocabulary.tokenize(prompt, addSpecial: true, parseSpecial: true, within: budget)
            if tokens.isEmpty { throw GenerationError.emptyPrompt }
            return PreparedPrompt(text: prompt.text, tokens: tokens, report: AnswerReport(of: prompt, conversation, template))
        }
    }

    // MARK: From a conversation to a sequence

    func render(_ conversation: Conversation, _ budget: WorkBudget) throws -> RenderedPrompt {
        for (index, tool) in conversation.tools.enumerated() {
            guard let grammar = tool.inputGrammar, conversation.toolChoice.mode != .none else { continue }
            do {
                _ = try constraints.compile(AnswerGrammar("root ::= \(grammar.root)\n\(grammar.rules)"))
            } catch {
                throw GenerationError.badToolGrammar(index, error.description)
            }
        }
        let schemas: HeldSchemas
        do {
            try checkNumbers(conversation)
            schemas = try HeldSchemas(conversation)
        } catch {
            switch error {
            case .tool(let index, let error): throw GenerationError.badSchema(tool: index, error.description)
            case .answer(let error): throw GenerationError.badSchema(tool: nil, error.description)
            }
        }
        try budget.check()
        var conversation = conversation
        if conversation.messages.lacksCallIDs { conversation.normalizations.append(.matchedResults) }
        do {
            conversation.messages = try conversation.messages.withOrderedToolResults(continues: conversation.continuation != .no)
        } catch {
            throw GenerationError.badToolResults(error.description)
        }
        do {
            var prompt = try template.render(conversation, holding: schemas)
            try budget.check()
            prompt.unenforced +=
                schemas.notes.map { "\(conversation.tools[$0.tool].name)#\($0.1.pointer)" } + schemas.answerNotes.map { "#\($0.pointer)" }
            return prompt
        } catch let error as ChatTemplateError {
            throw GenerationError.templateRefused(error.description)
        }
    }

    /// Rejects schemas with numbers that llama.cpp's reader of JSON does not take.
    private func checkNumbers(_ conversation: Conversation) throws(HeldSchemas.Fault) {
        func error(_ number: JSONNumber) -> SchemaError {
            SchemaError("", "the number \(number.literal.prefix(40)) exceeds the range of double-precision numbers")
        }
        for (index, tool) in conversation.tools.enumerated() {
            if let number = tool.parameters?.numberBeyondDouble { throw .tool(index, error(number)) }
        }
        if let number = conversation.responseSchema?.numberBeyondDouble { throw .answer(error(number)) }
    }

    /// Returns the tokens of a prompt after `preceding`: an earlier prompt, which begins as the model expects, and its answer.
    private func tokens(of prompt: RenderedPrompt, after preceding: [Token], maximumTokens: Int?, _ budget: WorkBudget) throws -> [Token] {
        try checkText(prompt.text, maximumTokens)
        if let unknown = preceding.first(where: { !vocabulary.contains($0) }) { throw GenerationError.unknownPromptToken(prompt: 0, unknown) }
        let tokens = preceding + (try vocabulary.tokenize(prompt, addSpecial: preceding.isEmpty, parseSpecial: true, within: budget))
        if tokens.isEmpty { throw GenerationError.emptyPrompt }
        return tokens
    }

    /// Returns the positions at which the last turns of a prompt begin. A prompt with an edited message or a further turn diverges at one of them.
    private func landmarks(of tokens: [Token]) -> [Int] {
        var landmarks: [Int] = []
        for (index, token) in tokens.enumerated().reversed() where turnMarks.contains(token) && index > 0 {
            // The end of a turn and the start of the next are close together and count as one position.
            if let last = landmarks.last, last - index < 8 { landmarks.removeLast() }
            landmarks.append(index)
            if landmarks.count > Self.landmarks { break }
        }
        return Array(landmarks.prefix(Self.landmarks))
    }

    private static let landmarks = 2

    /// Returns the constraint of the answer; nil for an unconstrained one.
    /// - isLoosened: whether the form of calls is unconstrained, because the grammar of all tools together exceeds the limits.
    private func constraint(
        of prompt: RenderedPrompt, _ request: ChatRequest
    ) throws(GenerationError) -> (source: (any ConstraintSource)?, isLoosened: Bool) {
        let (grammar, isLoosened) = try grammar(of: prompt, request)
        // A request's own grammar does not describe reasoning.
        let waits = request.grammar != nil || prompt.grammar.map { !$0.triggers.isEmpty } ?? false
        guard let tags = prompt.thinking, waits || request.thinkingBudget != nil else { return (grammar, isLoosened) }
        let settings = ThinkingConstraint.Settings(
            tags: tags, prefix: prompt.generationPrompt, budget: request.thinkingBudget, grammarWaits: waits)
        return (ThinkingSource(settings: settings, grammar: grammar, vocabulary: vocabulary), isLoosened)
    }

    private func grammar(
        of prompt: RenderedPrompt, _ request: ChatRequest
    ) throws(GenerationError) -> (source: (any ConstraintSource)?, isLoosened: Bool) {
        if let text = request.grammar {
            do {
                return (try constraints.compile(AnswerGrammar(text)), false)
            } catch {
                throw .badGrammar(field: request.grammarField, error.description)
            }
        }
        guard let grammar = prompt.grammar else { return (nil, false) }
        do {
            return (try constraints.compile(grammar, prefix: prompt.generationPrompt), false)
        } catch {
            if error.isUnfitPrefix { throw .unfitBeginning(error.description) }
            guard error.isLimit else { throw .templateRefused(error.description) }
            let conversation = request.conversation
            // The model does not have to call a tool, and it can still do so without a grammar.
            if conversation.responseSchema == nil, conversation.toolChoice.mode == .auto, !conversation.tools.contains(where: \.isStrict) {
                return (nil, true)
            }
            throw conversation.tools.isEmpty ? .badSchema(tool: nil, error.description) : .badGrammar(field: "tools", error.description)
        }
    }

    private func style(of prompt: RenderedPrompt, _ request: ChatRequest) -> AnswerStyle {
        let conversation = request.conversation
        return AnswerStyle(
            format: prompt.format, preserved: Set(prompt.preservedTokens.compactMap(vocabulary.special)), formatStops: prompt.additionalStops,
            stops: request.stops, mayCall: !conversation.tools.isEmpty && conversation.toolChoice.mode != .none,
            maximumCalls: conversation.allowsParallelCalls ? .max : 1,
            continues: conversation.continuation == .content || conversation.continuation == .reasoning,
            thinking: prompt.thinking, generationPrompt: prompt.generationPrompt)
    }

    /// Logs where a prompt diverges from the cache. This usually answers the question "why was my prefix not reused?".
    private static func log(_ start: PromptStart, of prompt: [Token], _ vocabulary: any Vocabulary, _ logger: Logger, logsText: Bool) {
        guard logger.logLevel <= .debug else { return }
        func text(_ tokens: some Sequence<Token>) -> String {
            String(decoding: tokens.flatMap { vocabulary.piece(of: $0) }, as: UTF8.self)
        }
        var metadata: Logger.Metadata = [
            "prompt_tokens": .stringConvertible(prompt.count), "cached_tokens": .stringConvertible(start.cachedTokens),
        ]
        if let divergence = start.divergence {
            metadata["diverges_at"] = .stringConvertible(divergence.index)
        }
        if logsText, let divergence = start.divergence {
            metadata["after"] = "\(text(prompt[..<divergence.index].suffix(8)))"
            metadata["cached"] = "\(divergence.cached.token.map { text([$0]) } ?? "media")"
            metadata["prompt"] = "\(text(prompt[divergence.index...].prefix(1)))"
        }
        logger.debug("prompt started", metadata: metadata)
    }
}
