import ShimmyCore
import ShimmyEngine

extension LocalGenerator: Decider {
    @concurrent package func decide(_ request: DecisionRequest, terms: ServiceTerms) async throws -> DecisionResult {
        let adapters = try adapters.set(for: nil)
        try checkRoom(for: request.conversation, maximumTokens: nil)
        let bytes = request.questions.reduce(request.conversation.bytes) { sum, question in
            question.labels.reduce(sum + (question.text ?? "").utf8.count) { $0 + $1.utf8.count }
        }
        let plan = try await InputWork.run(InputWork.lane(bytes: bytes)) { [self] budget in try self.plan(request, budget) }
        _ = try terms.admitting(promptTokens: plan.tokenCount)
        var run = DecisionRun(plan, on: engine, with: adapters, terms)
        return try await run.perform()
    }

    // MARK: From questions to tokens

    /// The parts of the prompt around a question.
    private struct Frame {
        var before: [Token]
        var after: [Token]
        /// Whether the answer begins on a new line.
        var endsLine: Bool
    }

    private func plan(_ request: DecisionRequest, _ budget: WorkBudget) throws -> DecisionPlan {
        var plan = DecisionPlan()
        let frame = try self.frame(of: request, budget)
        plan.shared = frame?.before ?? []
        let ends = vocabulary.endTokens
        let limits = InputLimits.standard
        var (positions, total) = (0, 0)
        for (index, question) in request.questions.enumerated() {
            try budget.check()
            let (tokens, endsLine) = try rest(of: question, in: frame, request.conversation, budget)
            let labels = try self.labels(of: question, index, endsLine, budget)
            let trie = LabelTrie(labels, ends: ends)
            let longest = plan.shared.count + tokens.count + (labels.map(\.count).max() ?? 0)
            guard longest <= contextLength else { throw try excess(of: question, index, labels, prompt: longest, budget) }
            total += tokens.count
            if total > limits.questionTokens {
                throw GenerationError.badLabel(
                    question: index, label: nil, "the prompts of all questions up to this one have more than \(limits.questionTokens) tokens")
            }
            positions += trie.nodes.count
            if positions > limits.labelPositions {
                throw GenerationError.badLabel(
                    question: index, label: nil,
                    "the choices of all questions up to this one have more than \(limits.labelPositions) tokens to rate")
            }
            plan.questions.append(.init(tokens: tokens, trie: trie))
        }
        if plan.questions.contains(where: { plan.shared.isEmpty && $0.tokens.isEmpty }) { throw GenerationError.emptyPrompt }
        return plan
    }

    /// Returns the error for a question whose prompt exceeds the context. It names the part with the most tokens: the input, the question, or the
    /// longest of its choices, which the question contains.
    /// - prompt: the tokens of the prompt and the longest choice.
    private func excess(
        of question: DecisionRequest.Question, _ index: Int, _ labels: [[Token]], prompt: Int, _ budget: WorkBudget
    ) throws -> GenerationError {
        let text = try question.text.map { try tokens(of: $0, afterLineBreak: true, budget).count } ?? 0
        let longest = labels.indices.max { labels[$0].count < labels[$1].count }
        let own = text + (longest.map { labels[$0].count } ?? 0)
        guard own > prompt - own else { return .contextExceeded(prompt: prompt, requested: nil, context: contextLength) }
        let choices = labels.reduce(0) { $0 + $1.count }
        return .badLabel(
            question: index, label: choices > text - choices ? longest : nil,
            "with it, the prompt has \(prompt) tokens, but the model's context has only \(contextLength)")
    }

    /// Returns the tokens of a question's prompt after the shared ones.
    private func rest(
        of question: DecisionRequest.Question, in frame: Frame?, _ conversation: Conversation, _ budget: WorkBudget
    ) throws -> (tokens: [Token], endsLine: Bool) {
        guard let frame else {
            let whole = try prompt(for: conversation, asking: question.text, budget)
            return (try tokens(of: whole, addSpecial: true, budget), whole.endsLine)
        }
        guard let text = question.text else { return (frame.after, frame.endsLine) }
        return (try tokens(of: text, afterLineBreak: true, budget) + frame.after, frame.endsLine)
    }

    /// Returns the parts of the prompt that all questions share; nil if the template does not write a question exactly once, so that the prompt of
    /// each question must be rendered by itself.
    private func frame(of request: DecisionRequest, _ budget: WorkBudget) throws -> Frame? {
        guard request.questions.contains(where: { $0.text != nil }) else {
            let whole = try prompt(for: request.conversation, asking: nil, budget)
            return Frame(before: try tokens(of: whole, addSpecial: true, budget), after: [], endsLine: whole.endsLine)
        }
        // A text in place of a question, to find where the template writes it. It is random, so that no client can put it into the input and make
        // each question cost a prompt of its own.
        let mark = "shimmyQuestionMark" + String(UInt64.random(in: .min ... .max), radix: 36)
        let whole = try prompt(for: request.conversation, asking: mark, budget)
        guard let (before, after) = whole.parts(around: mark) else { return nil }
        return Frame(
            before: try tokens(of: before, addSpecial: true, budget), after: try tokens(of: after, addSpecial: false, budget),
            endsLine: whole.endsLine)
    }

    /// Renders the conversation with a text after its last message, up to the place where the answer's content begins.
    private func prompt(for conversation: Conversation, asking text: String?, _ budget: WorkBudget) throws -> RenderedPrompt {
        var conversation = conversation
        conversation.thinks = false
        if let text, let last = conversation.messages.indices.last {
            conversation.messages[last].content = (conversation.messages[last].content ?? []) + [.text(text)]
        }
        return try render(conversation, budget).withoutOpenReasoning.withContentHeader(of: template.source)
    }

    private func tokens(of prompt: RenderedPrompt, addSpecial: Bool, _ budget: WorkBudget) throws -> [Token] {
        try checkText(prompt.text, nil)
        return try vocabulary.tokenize(prompt, addSpecial: addSpecial, parseSpecial: true, within: budget)
    }

    /// Returns the tokens of a client's text, without control tokens.
    /// - afterLineBreak: whether the text follows a line break. Some tokenizers insert a space before a text otherwise.
    private func tokens(of text: String, afterLineBreak: Bool, _ budget: WorkBudget) throws -> [Token] {
        try checkText(text, nil)
        if afterLineBreak {
            let lineBreak = vocabulary.tokenize("\n", addSpecial: false, parseSpecial: false)
            let tokens = try vocabulary.tokenize("\n" + text, addSpecial: false, parseSpecial: false, within: budget)
            if tokens.count > lineBreak.count, tokens.starts(with: lineBreak) { return Array(tokens.dropFirst(lineBreak.count)) }
        }
        return try vocabulary.tokenize(text, addSpecial: false, parseSpecial: false, within: budget)
    }

    private func labels(of question: DecisionRequest.Question, _ index: Int, _ endsLine: Bool, _ budget: WorkBudget) throws -> [[Token]] {
        var known: Set<[Token]> = []
        return try question.labels.enumerated().map { position, label in
            let tokens = try self.tokens(of: endsLine ? label : question.lead + label, afterLineBreak: endsLine, budget)
            if tokens.isEmpty { throw GenerationError.badLabel(question: index, label: position, "the model has no tokens for it") }
            guard known.insert(tokens).inserted else {
                throw GenerationError.badLabel(question: index, label: position, "the model cannot distinguish it from another one")
            }
            return tokens
        }
    }
}

extension RenderedPrompt {
    fileprivate var endsLine: Bool { text.utf8.last == 0x0A }

    /// The prompt, with its reasoning closed if the answer would begin within it.
    fileprivate var withoutOpenReasoning: RenderedPrompt {
        guard let thinking, ThinkingTracker(thinking, prefix: generationPrompt).isThinking, let end = thinking.ends.first else { return self }
        var prompt = self
        prompt.text += (endsLine ? "" : "\n") + end + "\n\n"
        return prompt
    }

    /// The texts that some models write before the content of an answer: the end of the prompt, the text that follows, and a text in the templates of
    /// these models.
    private static let contentHeaders = [
        ("<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>final<|message|>"), ("<|begin|>assistant", "<|content|>", "<|content|>"),
        ("<|start|>assistant", " to=user<|message|>", "<atem:function_calls>"), ("<|END_THINKING|>", "<|START_TEXT|>", "<|START_TEXT|>"),
        (">>>", "all\n", ">>>all"),
    ]

    /// Returns the prompt up to the place where the content begins, for models that write a header before it.
    /// - source: the chat template.
    fileprivate func withContentHeader(of source: String) -> RenderedPrompt {
        for (end, header, sign) in Self.contentHeaders where text.utf8.suffix(end.utf8.count).elementsEqual(end.utf8) {
            guard ByteSearch(sign).isFound(in: source) else { continue }
            var prompt = self
            prompt.text += header
            return prompt
        }
        return self
    }

    /// Returns the parts before and after a text; nil if the prompt does not contain it exactly once.
    fileprivate func parts(around mark: String) -> (before: RenderedPrompt, after: RenderedPrompt)? {
        let bytes = Array(text.utf8)
        let ends = ByteSearch(mark).ends(in: bytes, most: 2)
        guard let end = ends.first, ends.count == 1 else { return nil }
        let start = end - mark.utf8.count
        var (before, after) = (self, self)
        before.text = String(decoding: bytes[..<start], as: UTF8.self)
        before.marks = marks.filter { $0 < start }
        after.text = String(decoding: bytes[end...], as: UTF8.self)
        after.marks = marks.filter { $0 >= end }.map { $0 - end }
        return (before, after)
    }
}
