import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Large client inputs do not slow the engine's thread. The bounds are loose: the regressions that they detect took minutes. They apply to the
/// processor time of the test's thread, because other tests run beside it.
@Suite(.timeLimit(.minutes(2))) struct LargeInputTests {
    private static let limits = RunnerLimits(
        cells: 1 << 18, contextLength: 1 << 17, slots: 48, running: 32, batchTokens: 256, outputs: 64, canRewind: true)

    private func request(_ prompt: [Token], prediction: [Token] = [], _ change: (inout SamplingParameters) -> Void = { _ in }) -> SequenceRequest {
        var parameters = SamplingParameters()
        change(&parameters)
        return SequenceRequest(prompt: prompt, maximumTokens: 64, sampling: parameters, prediction: prediction)
    }

    /// Runs steps of a model that takes no time. Returns the scheduler's time for each step.
    private func step(_ scheduler: inout Scheduler, _ count: Int) -> [Duration] {
        (0..<count).map { _ in
            let begin = WorkClock.system.thread()
            let step = scheduler.schedule()
            let results = step.batch.chunks.map { ChunkResult(tokens: $0.samples ? [7] : []) }
            _ = scheduler.commit(step.batch, results: results, seconds: 0.001) { _ in false }
            return WorkClock.system.thread() - begin
        }
    }

    /// The n-gram index of a prompt and a prediction is built once, not for each choice on the engine's thread.
    @Test func choicesShareWhatDraftsAreMadeFrom() {
        var random = SeededGenerator(seed: 1)
        let text = (0..<100_000).map { _ in Token.random(in: 0..<50_000, using: &random) }
        let request = request(Array(text.prefix(90_000)), prediction: text + text)
        var scheduler = Scheduler(limits: Self.limits)
        let begin = WorkClock.system.thread()
        for id in 0..<128 as Range<UInt64> { scheduler.submit(SequenceID(id), request) }
        #expect(WorkClock.system.thread() - begin < .milliseconds(500))
    }

    /// A text in which all n-grams are equal is as fast as any other.
    @Test func aPredictionOfOneWordIsFollowedQuickly() {
        let drive = EngineDrive(cells: 4000, batchTokens: 64, timing: .init(step: 0.01, row: 0.001)) { $0.count % 3 == 0 ? 5 : 6 }
        let prediction = [Token](repeating: 6, count: 200_000)
        let begin = WorkClock.system.thread()
        drive.submit(1, [5, 6, 6], maximumTokens: 200, prediction: prediction)
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1]?.count == 200)
        #expect(WorkClock.system.thread() - begin < .seconds(20))
    }

    /// 64 long prompts that wait for a common prefix do not slow the steps.
    @Test func longPromptsThatWaitCostTheStepsNothing() {
        var scheduler = Scheduler(limits: Self.limits)
        let common = (0..<20_000).map { Token($0 % 50_000) }
        for id in 0..<64 as Range<UInt64> { scheduler.submit(SequenceID(id), request(common + [Token(id), 3, 5])) }
        let durations = step(&scheduler, 40)
        #expect(durations.dropFirst(2).max()! < .milliseconds(250), "\(durations)")
        #expect(scheduler.isConsistent && scheduler.waitingCount == 63, "the others wait and share")
    }

    /// Long prompts without a common prefix that wait for cells do not slow the steps.
    @Test func longPromptsThatDoNotFitCostTheStepsLittle() {
        var scheduler = Scheduler(limits: Self.limits)
        for id in 0..<64 as Range<UInt64> {
            scheduler.submit(SequenceID(id), request((0..<20_000).map { Token(($0 &+ Int(id) * 977) % 50_000) }))
        }
        let durations = step(&scheduler, 40)
        #expect(durations.max()! < .milliseconds(250), "\(durations)")
        #expect(scheduler.isConsistent)
    }

    // MARK: Sampling

    /// Draws `count` tokens from logits of a large vocabulary.
    private func draw(_ count: Int, vocabulary: Int, _ prompt: [Token], _ change: (inout SamplingParameters) -> Void) -> (tokens: [Token], Duration) {
        let sampling = request(prompt, change).sampling
        var sampler = SequenceSampler(sampling, endOfGeneration: 0, ends: [0])
        let logits = (0..<vocabulary).map { Float(($0 &* 7919) % 1000) / 1000 }
        let scratch = SamplerScratch()
        var tokens: [Token] = []
        let begin = WorkClock.system.thread()
        logits.withUnsafeBufferPointer { logits in
            for _ in 0..<count { tokens += sampler.next(logits, with: scratch) }
        }
        return (tokens, (WorkClock.system.thread() - begin) / count)
    }

    @Test func penaltiesOfALongTextAreBounded() {
        let text = [Token](repeating: 5, count: 130_000)
        let dry = draw(5, vocabulary: 1000, text) {
            $0.dry = RepetitionPenalty(multiplier: 1)
            $0.seed = 1
        }
        #expect(dry.1 < .milliseconds(200), "\(dry.1)")
        let repeated = draw(50, vocabulary: 1000, (0..<130_000).map { Token($0 % 900) }) {
            $0.repeatPenalty = 1.1
            $0.repeatWindow = 65_536
            $0.seed = 1
        }
        #expect(repeated.1 < .milliseconds(20), "\(repeated.1)")
    }

    /// The incrementally updated repetition window equals one computed from the whole text.
    @Test func theRepetitionWindowMovesWithTheText() {
        let vocabulary = 40
        var parameters = SamplingParameters(temperature: 0)
        parameters.repeatPenalty = 4
        parameters.repeatWindow = 6
        let prompt: [Token] = [1, 2, 3, 4, 1, 2, 3, 1]
        var sampler = SequenceSampler(SequenceSampling(parameters, prompt: prompt), endOfGeneration: 0, ends: [])
        let scratch = SamplerScratch()
        var (text, random) = (prompt, SeededGenerator(seed: 4))
        for _ in 0..<300 {
            let logits = (0..<vocabulary).map { _ in Float.random(in: -1...1, using: &random) }
            let penalized = logits.enumerated().map { token, logit in
                text.suffix(6).contains(Token(token)) ? (logit > 0 ? logit / 4 : logit * 4) : logit
            }
            let expected = penalized.indices.max { penalized[$0] < penalized[$1] }!
            let token = logits.withUnsafeBufferPointer { sampler.next($0, with: scratch) }
            #expect(token == [Token(expected)])
            text += token
        }
    }

    @Test func aBiasForEveryTokenIsReadQuickly() {
        let biases = Dictionary(uniqueKeysWithValues: (0..<Token(50_000)).map { ($0, Float(-1)) })
        let (_, seconds) = draw(3, vocabulary: 50_000, [1]) {
            $0.bias = biases
            $0.seed = 1
        }
        #expect(seconds < .milliseconds(200), "\(seconds)")
    }
}
