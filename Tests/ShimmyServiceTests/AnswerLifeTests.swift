import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyService
import ShimmyTestSupport
import Synchronization
import Testing

/// Answers without a server, and their lives as observers see them.
@Suite struct AnswerLifeTests {
    private struct Broken: Error {}

    private final class Recorder: AnswerObserver {
        let lives = Mutex<[AnswerLife]>([])
        let owners = Mutex<[String]>([])

        func ended(_ life: AnswerLife, _ caller: Caller) {
            lives.withLock { $0.append(life) }
            owners.withLock { $0.append(caller.owner.name) }
        }

        /// Outcome, model, token counts, and whether there was a first part, for each answer.
        var lines: [String] {
            lives.withLock { lives in
                lives.map { life in
                    let outcome =
                        switch life.outcome {
                        case .completed: "completed"
                        case .cancelled: "cancelled"
                        case .failed(let error): "failed \(error.status)"
                        }
                    let tokens = life.usage.map { " \($0.promptTokens)+\($0.completionTokens)" } ?? ""
                    return "\(outcome) \(life.model)\(tokens)\(life.firstPart == nil ? "" : " spoke")"
                }
            }
        }
    }

    private let recorder = Recorder()
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Begins a chat completion and returns its running answer.
    private func begin(_ generator: ScriptedGenerator, streams: Bool) async throws -> any RunningAnswer {
        let service = InferenceService(
            models: .scripted(["talker": { generator.backend() }]), presets: { _ in .none }, store: nil, observer: recorder, logger: Self.logger
        ) { Owner($0) }
        let request = try ChatCompletionRequest(["model": "talker", "messages": [["role": "user", "content": "Hi"]], "stream": .bool(streams)])
        let caller = Caller(owner: Owner("ann"), storageOwner: "ann", arrived: .now, logger: Self.logger)
        let order = try await service.acceptChat(PresetRequest(value: request, preset: .none, forced: []), caller)
        return try await order.begin(try await service.acquire(order.model, for: .chat)).take()
    }

    @Test func aWholeAnswer() async throws {
        let whole = try await begin(ScriptedGenerator(says: ["Hel", "lo"]), streams: false).whole()
        #expect(whole.json["choices"]?.arrayValue?.first?["message"]?["content"] == "Hello")
        #expect(recorder.lines == ["completed talker 3+2 spoke"])
        let life = try #require(recorder.lives.withLock { $0.first })
        #expect(life.firstPart! <= life.ended!)
        #expect(recorder.owners.withLock(\.self) == ["ann"])
    }

    @Test func aStreamThatIsReadToItsEnd() async throws {
        let answer = try await begin(ScriptedGenerator(says: ["Hi"]), streams: true)
        var text = ""
        while let bytes = try await answer.nextBytes() { text += String(decoding: bytes, as: UTF8.self) }
        #expect(text.hasSuffix("data: [DONE]\n\n"))
        #expect(recorder.lines == ["completed talker 3+1 spoke"])
    }

    @Test func aFailedAnswer() async throws {
        let answer = try await begin(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("a"))), .failure(Broken())] }, streams: false)
        await #expect(throws: APIError.self) { try await answer.whole() }
        #expect(recorder.lines == ["failed 500 talker spoke"])
    }

    @Test func anAnswerThatNobodyReads() async throws {
        _ = try await begin(ScriptedGenerator(says: ["Hi"]), streams: true)
        #expect(recorder.lines == ["cancelled talker"])
    }

    @Test func anAbandonedStream() async throws {
        let generator = ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("a"))), .failure(CancellationError())] }
        let answer = try await begin(generator, streams: true)
        for _ in 0..<2 { _ = try await answer.nextBytes() }
        #expect(generator.ended == 0 && recorder.lines == [])
        await answer.abandon()
        #expect(generator.ended > 0 && recorder.lines == ["cancelled talker spoke"])
        withExtendedLifetime(answer) {}
    }
}
