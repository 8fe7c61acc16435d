import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyService
import Synchronization
import Testing

/// The last requests in memory, and the bounds of their texts.
@Suite struct RequestHistoryTests {
    private final class Recorder: Sendable {
        let facts = Mutex<RequestLife.Facts?>(nil)
    }

    private func record(_ id: String, _ inspection: RequestInspection? = nil) throws -> RequestRecord {
        let recorder = Recorder()
        let life = RequestLife { facts in recorder.facts.withLock { $0 = facts } }
        life.ended()
        let facts = try #require(recorder.facts.withLock { $0 })
        return RequestRecord(
            id: id, method: "POST", endpoint: "/x", api: .openAI, client: .init(), arrived: .now, time: 0, end: .noAnswer, facts: facts,
            inspection: inspection)
    }

    @Test func theOldestMakesRoom() throws {
        let history = RequestHistory()
        let count = RequestHistory.most + 3
        for number in 1...count { history.add(try record("r\(number)")) }
        let all = history.newest(.max)
        #expect(all.count == RequestHistory.most && all.first?.number == count && all.last?.number == 4)
        #expect(history.find("r3") == nil && history.find("r4")?.number == 4 && history.lastNumber == count)
        #expect(history.newest(2, before: 10).map(\.id) == ["r9", "r8"])
        #expect(history.newest(2, before: 1).isEmpty && history.newest(0).isEmpty)
    }

    @Test func aListenerLearnsWhatItMissed() throws {
        let history = RequestHistory()
        for number in 1...RequestHistory.most + 10 { history.add(try record("r\(number)")) }
        let late = history.since(5)
        #expect(late.missed == 5 && late.records.first?.number == 11 && late.records.count == RequestHistory.most)
        let current = history.since(history.lastNumber - 1)
        #expect(current.missed == 0 && current.records.map(\.number) == [history.lastNumber])
    }

    @Test func nothingIsInspectedWithoutTheSetting() { #expect(RequestHistory().beginInspection() == nil) }

    @Test func textsOfOldRequestsMakeRoom() throws {
        let history = RequestHistory(inspects: true, inspectedBytes: 100_000)
        for number in 1...8 {
            let inspection = try #require(history.beginInspection())
            inspection.note(body: Array(repeating: 65, count: 30_000))
            #expect(!inspection.texts.body.isCut, "\(number)")
            history.add(try record("r\(number)", inspection))
        }
        #expect(history.newest(.max).map { $0.inspection != nil } == [true, true, true, false, false, false, false, false])
    }

    @Test(arguments: [
        (#"{"url": "data:image/png;base64,AAAA"}"#, #"{"url": "data:image/png;base64,[4 characters of base64]"}"#),
        (#"{"url": "data:image\/png;base64,AA\/A=="}"#, #"{"url": "data:image\/png;base64,[7 characters of base64]"}"#),
        ("{\"data\": \"\(String(repeating: "Ab1/", count: 16))==\", \"b\": 1}", #"{"data": "[66 characters of base64]", "b": 1}"#),
        ("{\"data\": \"\(String(repeating: "Ab1/", count: 15))\"}", "{\"data\": \"\(String(repeating: "Ab1/", count: 15))\"}"),
        (
            #"{"a": "Hello there.", "b": "////////////////////////////////////////////////////////////////////////"}"#,
            #"{"a": "Hello there.", "b": "////////////////////////////////////////////////////////////////////////"}"#
        ),
    ]) func aBodyHasNoDataOfMedia(body: String, shown: String) throws {
        let inspection = try #require(RequestHistory(inspects: true, inspectedBytes: 100_000).beginInspection())
        inspection.note(body: Array(body.utf8))
        #expect(inspection.texts.body.string == shown && !inspection.texts.body.isCut)
    }

    @Test func requestsInProgressShareTheMemory() throws {
        let history = RequestHistory(inspects: true, inspectedBytes: 50_000)
        let first = try #require(history.beginInspection())
        let second = try #require(history.beginInspection())
        first.note(body: Array(repeating: 65, count: 40_000))
        second.note(body: Array(repeating: 65, count: 40_000))
        #expect(!first.texts.body.isCut && second.texts.body.isCut && second.texts.body.count == 40_000)
    }

    @Test func aLongTextIsCut() throws {
        let inspection = try #require(RequestHistory(inspects: true).beginInspection())
        inspection.note(body: Array(repeating: 65, count: RequestInspection.longestText + 1))
        let body = inspection.texts.body
        #expect(body.isCut && body.bytes.count == RequestInspection.longestText && body.count == RequestInspection.longestText + 1)
    }

    @Test func aPromptHasTheBoundariesOfItsTokens() throws {
        let inspection = try #require(RequestHistory(inspects: true).beginInspection())
        inspection.note(prompt: [1, 2, 3]) { Array(repeating: UInt8(ascii: "a"), count: Int($0)) }
        let prompt = try #require(inspection.texts.prompts.first)
        #expect(prompt.text.string == "aaaaaa" && prompt.starts == [0, 1, 3] && prompt.tokens == 3)
        inspection.note(prompt: Array(1...100_000)) { _ in Array(repeating: 65, count: 10) }
        let long = try #require(inspection.texts.prompts.last)
        #expect(long.text.isCut && long.tokens == 100_000 && long.starts.count < 100_000)
        for _ in 0..<100 { inspection.note(prompt: [1]) { _ in [65] } }
        #expect(inspection.texts.prompts.count == RequestInspection.mostTexts)
    }

    @Test func anAnswerHasItsParts() throws {
        let inspection = try #require(RequestHistory(inspects: true).beginInspection())
        let deltas: [AnswerDelta] = [
            .reasoning("why"), .content("be"), .content("cause"), .call(index: 0, id: nil, name: "f"), .arguments(index: 0, "{}"),
        ]
        for delta in deltas { inspection.note(delta, choice: 1) }
        let choice = try #require(inspection.texts.choices[1])
        #expect(choice.content.string == "because" && choice.reasoning.string == "why" && choice.calls.string == "f {}")
        for index in 2..<100 { inspection.note(.content("x"), choice: index) }
        #expect(inspection.texts.choices.count == RequestInspection.mostTexts)
    }
}
