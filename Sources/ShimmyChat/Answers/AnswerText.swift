import ShimmyCore

/// The rules for converting an answer's tokens to a message.
struct AnswerStyle: Sendable {
    /// The parser of the answer; nil if all of the answer is content.
    var format: (any AnswerFormat)?
    var preserved: Set<Token> = []
    /// Stop strings of the model's format. They end the whole answer.
    var formatStops: [String] = []
    /// Stop strings of the request. They apply to the content only, not to reasoning and calls.
    var stops: [String] = []
    /// The limits for the lines of an answer without a format; nil for none.
    var lines: LineLimits?
    /// Whether the answer may contain calls.
    var mayCall = false
    var maximumCalls = Int.max
    /// Whether the prompt contains the start of the answer.
    var continues = false
    var thinking: ThinkingTags?
    var generationPrompt = ""
}

/// Converts tokens to parts of a message. It never waits and never fails.
struct AnswerText: Sendable {
    struct Output: Equatable, Sendable {
        var deltas: [AnswerDelta] = []
        /// The number of tokens read until the answer was complete, or of all tokens.
        var tokens = 0
        /// The number of those tokens that were reasoning.
        var thinkingTokens = 0
        /// Whether the answer is complete.
        var stopped = false
    }

    private let vocabulary: any Vocabulary
    /// Whether the parts of the answer can end it: calls, or content with a stop string or limited lines. The end is then looked for after each
    /// token, so that it does not depend on the engine's deliveries.
    private let canEnd: Bool
    private let hasStops: Bool
    private let stops: [String]
    private let preserved: Set<Token>
    private var detokenizer: Detokenizer
    private var tracker: ThinkingTracker?
    private var reader: AnswerReader?
    private var contentStops: StopMatcher
    /// Limits the lines of plain content; nil for no limits.
    private var lines: LineLimiter?
    /// Searches the raw text of the answer for stop strings of the content, to find out when to parse the answer.
    private var possibleStops: StopMatcher
    /// The number of further tokens for which the answer is parsed immediately, because a stop string may be complete.
    private var urgentTokens = 0
    /// Whether a preview has found a stop string. Nothing is previewed afterwards: the next parse that may end the answer ends it.
    private var endsSoon = false
    private var probabilities: ContentProbabilities
    private var characters = UTF8Buffer()

    init(vocabulary: any Vocabulary, style: AnswerStyle, throttleFactor: Double = 20) {
        self.vocabulary = vocabulary
        // Plain content needs no parsing, so the detokenizer finds its stop strings.
        let isPlain = style.format == nil
        detokenizer = Detokenizer(
            vocabulary: vocabulary, stops: style.formatStops + (isPlain ? style.stops : []), preserved: style.preserved)
        contentStops = StopMatcher(isPlain ? [] : style.stops)
        possibleStops = contentStops
        preserved = style.preserved
        reader = style.format.map {
            AnswerReader($0, maximumCalls: style.maximumCalls, continues: style.continues, throttleFactor: throttleFactor)
        }
        tracker = style.thinking.map { ThinkingTracker($0, prefix: style.generationPrompt) }
        probabilities = ContentProbabilities(vocabulary: vocabulary, tracker: tracker)
        stops = style.stops
        hasStops = !isPlain && !style.stops.isEmpty
        let lines = isPlain ? style.lines.map(LineLimiter.init) : nil
        self.lines = lines
        canEnd = hasStops || lines != nil || !isPlain && style.mayCall
    }

    /// Returns whether reading `tokens` further tokens is slow or nested enough to run on the worker pool.
    func isHeavy(_ tokens: Int) -> Bool { reader.map { $0.length > 4096 || $0.brackets > 32 || tokens > 16 } ?? false }

    /// The stop string of the request that ended the content; nil if none did.
    var foundStop: String? {
        if let found = contentStops.found { return found }
        // The detokenizer also finds the stop strings of the model's format.
        guard let found = detokenizer.foundStop, stops.contains(found) else { return nil }
        return found
    }

    /// Whether the limits for lines have ended the content.
    var isLimited: Bool { lines?.isOver ?? false }

    /// Whether the answer has called a tool.
    var hasCalls: Bool { reader?.hasCalls ?? false }

    /// Reads tokens and returns the new parts of the message.
    /// - logprobs: one for each token, or none.
    mutating func push(_ tokens: [Token], logprobs: [TokenLogprobs] = []) -> Output {
        for (token, logprobs) in zip(tokens, logprobs) {
            probabilities.push(logprobs, of: token, text: vocabulary.piece(of: token, special: preserved.contains(token)))
        }
        var output = readAll(tokens)
        if !output.stopped { output.deltas += preview() }
        output.deltas = withProbabilities(output.deltas, isLast: output.stopped)
        return output
    }

    /// Returns the parts that were held back until the end.
    mutating func finish(isCut: Bool) -> [AnswerDelta] { withProbabilities(end(isCut: isCut), isLast: true) }

    private mutating func withProbabilities(_ deltas: [AnswerDelta], isLast: Bool) -> [AnswerDelta] {
        guard !probabilities.isEmpty else { return deltas }
        var result: [AnswerDelta] = []
        for delta in deltas {
            if case .content(let text, _) = delta {
                let (text, tokens) = probabilities.take(text)
                if !text.isEmpty { result.append(.content(text, tokens)) }
            } else {
                result.append(delta)
            }
        }
        let (rest, tokens) = isLast ? probabilities.finish(dropping: detokenizer.incompleteCharacter) : ("", [])
        if rest.isEmpty, !tokens.isEmpty, case .content(let text, let earlier) = result.last {
            result[result.count - 1] = .content(text, earlier + tokens)
        } else if !rest.isEmpty || !tokens.isEmpty {
            result.append(.content(rest, tokens))
        }
        return result
    }

    private mutating func readAll(_ tokens: [Token]) -> Output {
        guard canEnd else { return read(tokens[...]) }
        var all = Output()
        for index in tokens.indices {
            let output = read(tokens[index...index])
            all.deltas += output.deltas
            all.tokens += output.tokens
            all.thinkingTokens += output.thinkingTokens
            all.stopped = output.stopped
            if all.stopped { break }
        }
        return all
    }

    private mutating func read(_ tokens: ArraySlice<Token>) -> Output {
        let text = detokenizer.push(tokens)
        var output = Output(tokens: text.tokens, thinkingTokens: countThinking(tokens.prefix(text.tokens)), stopped: text.stopped)
        guard reader != nil else {
            let content = limited(text.text, isLast: text.stopped)
            if !content.isEmpty { output.deltas = [.content(content)] }
            if isLimited { output.stopped = true }
            return output
        }
        for delta in push(text.text) where !output.stopped || text.stopped { take(delta, into: &output) }
        if reader!.isComplete { output.stopped = true }
        if text.stopped { output.deltas += end(isCut: false) }
        return output
    }

    private mutating func push(_ text: String) -> [AnswerDelta] {
        if canEnd { return reader!.push(text, isReasoning: tracker?.isThinking == true, isUrgent: isUrgent(text)) }
        reader!.append(text)
        return []
    }

    /// Returns the parts of the answer that are certain already.
    private mutating func preview() -> [AnswerDelta] {
        guard reader != nil, !endsSoon else { return [] }
        let before = (reader, contentStops, characters)
        var output = Output()
        for delta in reader!.preview() { take(delta, into: &output) }
        guard output.stopped else { return output.deltas }
        // The time of a preview differs between runs, so it must not end the answer.
        (reader, contentStops, characters) = before
        endsSoon = true
        return []
    }

    /// Returns whether a stop string may be complete. Trailing white space turns out to be content only when other text follows, up to a few tokens
    /// later.
    private mutating func isUrgent(_ text: String) -> Bool {
        guard hasStops else { return false }
        if possibleStops.push(Array(text.utf8)).stopped, tracker?.isThinking != true { urgentTokens = 8 }
        defer { urgentTokens = max(0, urgentTokens - 1) }
        return urgentTokens > 0
    }

    private mutating func end(isCut: Bool) -> [AnswerDelta] {
        let ending = detokenizer.finish()
        let rest = limited(ending, isLast: true)
        guard reader != nil else { return rest.isEmpty ? [] : [.content(rest)] }
        var output = Output()
        for delta in reader!.push(rest) + reader!.finish(isCut: isCut) where !output.stopped { take(delta, into: &output) }
        let held = output.stopped ? "" : characters.push(contentStops.finish()) + characters.finish()
        return output.deltas + (held.isEmpty ? [] : [.content(held)])
    }

    /// Returns the part of plain content that the limits for lines allow. Does not change other content.
    private mutating func limited(_ text: String, isLast: Bool) -> String {
        guard lines != nil else { return text }
        return lines!.push(text, now: .now) + (isLast ? lines!.finish() : "")
    }

    /// Filters content through the stop strings and passes other parts on.
    private mutating func take(_ delta: AnswerDelta, into output: inout Output) {
        guard case .content(let text, _) = delta else {
            output.deltas.append(delta)
            return
        }
        let matched = contentStops.push(Array(text.utf8))
        let certain = characters.push(matched.bytes) + (matched.stopped ? characters.finish() : "")
        if !certain.isEmpty { output.deltas.append(.content(certain)) }
        if matched.stopped { output.stopped = true }
    }

    private mutating func countThinking(_ tokens: ArraySlice<Token>) -> Int {
        guard tracker != nil else { return 0 }
        var count = 0
        for token in tokens {
            let before = tracker!.isThinking
            tracker!.push(vocabulary.piece(of: token, special: true))
            if before || tracker!.isThinking { count += 1 }
        }
        return count
    }
}
