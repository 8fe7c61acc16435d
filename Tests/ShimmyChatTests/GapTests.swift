import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyTestSupport
import Synchronization
import Testing

/// Completions without a template: the prompts that fill gaps, constrained texts, limited lines, and the tokens of answers. The model is scripted.
@Suite(.timeLimit(.minutes(1))) struct GapTests {
    /// A vocabulary of bytes with tokens for infilling. It reads control tokens in no text.
    private struct GapVocabulary: Vocabulary {
        let bytes = ByteVocabulary()
        var marks: InfillMarks? = InfillMarks(beginning: [301], prefix: 302, suffix: 303, middle: 304, repository: 305, file: 306)

        var tokenCount: Int { 310 }
        var longestToken: Int? { 1 }
        var infillMarks: InfillMarks? { marks }

        func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
            bytes.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        }

        func piece(of token: Token, special: Bool) -> [UInt8] { bytes.piece(of: token, special: special) }
    }

    /// The prompt of a sequence as text, with a letter for each token for infilling.
    private static func shown(_ tokens: [Token]) -> String {
        tokens.map { token in
            switch token {
            case 301...306: ["^", "P", "S", "M", "R", "F"][Int(token) - 301]
            default: String(decoding: [UInt8(truncatingIfNeeded: token)], as: UTF8.self)
            }
        }.joined()
    }

    private final class Prompts: Sendable {
        private let all = Mutex<[[Token]]>([])
        var last: [Token] { all.withLock { $0.last ?? [] } }
        func note(_ tokens: [Token]) { all.withLock { $0.append(tokens) } }
    }

    /// Returns a model whose answer follows the middle mark, or the first `>` of a prompt without one.
    private func generator(
        _ answer: String = "x", contextLength: Int = 64, vocabulary: GapVocabulary = GapVocabulary(), prompts: Prompts = Prompts()
    ) async throws -> LocalGenerator {
        let said = Array(answer.utf8)
        let limits = RunnerLimits(cells: 1024, contextLength: contextLength, slots: 4, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: .init(queue: 16)) {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { tokens in
                let start = (tokens.lastIndex(of: 304) ?? tokens.firstIndex(of: 62) ?? 0) + 1
                if tokens.count == start { prompts.note(tokens) }
                return tokens.count - start < said.count ? Token(said[tokens.count - start]) : 300
            }
        }
        return LocalGenerator(
            vocabulary: vocabulary, template: PlainTemplate(), engine: engine, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func request(_ prompt: String, _ gap: TextGap? = nil, maximumTokens: Int = 8) -> TextRequest {
        var request = TextRequest(
            prompts: [.text(prompt)], suffix: nil, maximumTokens: maximumTokens, sampling: .init(), stops: [], choices: 1)
        request.gap = gap
        request.clampsMaximumTokens = true
        return request
    }

    private struct Read: Equatable {
        var text = ""
        var tokens: [Token] = []
        var reason: FinishReason?
        var completionTokens = 0
    }

    private func read(_ answer: sending Answer) async throws -> Read {
        var read = Read()
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let text, _)):
                #expect(read.tokens.isEmpty || read.tokens.count >= (read.text + text).utf8.count, "tokens come before their text")
                read.text += text
            case .fact(_, .generated(let tokens)): read.tokens += tokens
            case .finished(_, let reason): read.reason = reason
            case .ended(let usage): read.completionTokens = usage.completionTokens
            default: continue
            }
        }
        return read
    }

    // MARK: Gaps

    @Test func aPromptIsArrangedAsTheModelWasTrained() async throws {
        let prompts = Prompts()
        let generator = try await generator(prompts: prompts)
        let report = try await generator.complete(request("before ", TextGap(suffix: " after")), terms: ServiceTerms()).report
        #expect(report == AnswerReport())
        let files = [TextGap.File(name: "a", text: "one"), TextGap.File(name: "b", text: "two")]
        for (gap, expected) in [
            (TextGap(suffix: " after"), "^Pbefore S afterM"), (TextGap(suffix: ""), "^Pbefore SM"),
            (TextGap(suffix: " after", files: files), "^Rproject\nFa\noneFb\ntwoFfile\nPbefore S afterM"),
        ] {
            _ = try await read(generator.complete(request("before ", gap), terms: ServiceTerms()))
            #expect(Self.shown(prompts.last) == expected)
        }
        var suffix = request("before ")
        suffix.suffix = " after"
        _ = try await read(generator.complete(suffix, terms: ServiceTerms()))
        #expect(Self.shown(prompts.last) == "^Pbefore S afterM", "the suffix of other APIs makes the same prompt")
        await generator.shutdown()
    }

    @Test func aModelWithoutAMarkForFilesGetsTheirNamesAsText() async throws {
        let prompts = Prompts()
        let marks = InfillMarks(prefix: 302, suffix: 303, middle: 304)
        let generator = try await generator(vocabulary: GapVocabulary(marks: marks), prompts: prompts)
        let gap = TextGap(suffix: "b", files: [.init(name: "f", text: "t")])
        _ = try await read(generator.complete(request("a", gap), terms: ServiceTerms()))
        #expect(Self.shown(prompts.last) == "\n\n--- f ---\n\nt\n\n--- file ---\n\nPaSbM")
        await generator.shutdown()
        let other = try await self.generator(vocabulary: GapVocabulary(marks: nil))
        await #expect(throws: GenerationError.noInfill) { _ = try await other.complete(request("a", gap), terms: ServiceTerms()) }
        await other.shutdown()
    }

    /// Of 64 tokens, 8 are kept free for the answer and 4 are marks.
    @Test(arguments: [
        (10, 10, 10, 10, false), (60, 10, 42, 10, true), (10, 60, 10, 42, true), (60, 60, 39, 13, true), (100_000, 100_000, 39, 13, true),
        (52, 0, 52, 0, false), (53, 0, 52, 0, true),
    ])
    func whatDoesNotFitIsCut(before: Int, after: Int, keptBefore: Int, keptAfter: Int, isCut: Bool) async throws {
        let prompts = Prompts()
        let generator = try await generator(prompts: prompts)
        let (start, end) = (String(repeating: "-", count: before - 1) + "a", String(repeating: "+", count: after))
        let answer = try await generator.complete(request(start, TextGap(suffix: end)), terms: ServiceTerms())
        #expect(answer.report.isCut == isCut && answer.report.droppedFiles == 0)
        _ = try await read(answer)
        let shown = Self.shown(prompts.last)
        #expect(shown == "^P" + String(repeating: "-", count: keptBefore - 1) + "aS" + String(repeating: "+", count: keptAfter) + "M")
        await generator.shutdown()
    }

    @Test(arguments: [(20, 2, 0), (6, 2, 0), (40, 0, 2), (16, 1, 1), (100_000, 0, 2)])
    func theFirstFilesAreDropped(size: Int, kept: Int, dropped: Int) async throws {
        let prompts = Prompts()
        let generator = try await generator(contextLength: size == 20 ? 256 : 64, prompts: prompts)
        let files = ["1", "2"].map { TextGap.File(name: $0, text: String(repeating: $0, count: size)) }
        let answer = try await generator.complete(request("a", TextGap(suffix: "b", files: files)), terms: ServiceTerms())
        #expect(answer.report.droppedFiles == dropped && !answer.report.isCut)
        _ = try await read(answer)
        let shown = Self.shown(prompts.last)
        #expect(shown.contains("F2\n2") == (kept > 0) && shown.contains("F1\n1") == (kept > 1) && shown.hasSuffix("PaSbM"))
        #expect(shown.contains("R") == (kept > 0), "without files, there is no repository")
        await generator.shutdown()
    }

    // MARK: Lines and tokens

    @Test func linesAreLimited() async throws {
        let generator = try await generator("x\n    y\nz and more")
        var request = self.request("a>", maximumTokens: 40)
        request.wantsTokens = true
        let whole = try await read(generator.complete(request, terms: ServiceTerms()))
        #expect(whole.text == "x\n    y\nz and more" && whole.reason == .stop && whole.tokens == whole.text.utf8.map { Token($0) })
        request.lines = LineLimits(indentation: 2)
        let limited = try await read(generator.complete(request, terms: ServiceTerms()))
        #expect(limited.text == "x\n    y\n" && limited.reason == .length)
        // The token that shows the end counts, although its text is no part of the answer.
        #expect(limited.tokens == "x\n    y\nz".utf8.map { Token($0) } && limited.completionTokens == limited.tokens.count)
        await generator.shutdown()
    }

    @Test func promptsHaveTheirOwnSizes() async throws {
        let generator = try await generator()
        var request = self.request("a>")
        request.prompts = [.text("a>"), .text("abc>")]
        request.choices = 2
        let answer = try await generator.complete(request, terms: ServiceTerms())
        var sizes: [Int: Int] = [:]
        var total = 0
        while let event = try await answer.nextEvent() {
            if case .fact(let choice, .promptComputed(let usage)) = event { sizes[choice] = usage.promptTokens }
            if case .ended(let usage) = event { total = usage.promptTokens }
        }
        #expect(sizes == [0: 2, 1: 2, 2: 4, 3: 4] && total == 6)
        await generator.shutdown()
    }

    // MARK: Forms

    @Test func badFormsAreRefused() async throws {
        let generator = try await generator()
        for form in [TextForm.grammar("root ::= ("), .schema(["type": "unheard"])] {
            var request = self.request("a>")
            request.form = form
            let refused = request
            let error = try await #require(throws: GenerationError.self) { _ = try await generator.complete(refused, terms: ServiceTerms()) }
            switch error {
            case .badGrammar(let field, _): #expect(field == "grammar" && form == .grammar("root ::= ("))
            case .badSchema(tool: nil, _): #expect(form == .schema(["type": "unheard"]))
            default: Issue.record("\(form) gives another error")
            }
        }
        await generator.shutdown()
    }
}
