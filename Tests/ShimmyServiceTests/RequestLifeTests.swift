import ShimmyService
import Synchronization
import Testing

/// The facts about a request at its end.
@Suite struct RequestLifeTests {
    private final class Recorder: Sendable {
        let ends = Mutex<[RequestLife.Facts]>([])
    }

    /// Returns the facts of a request, which are reported once.
    private func facts(_ work: (RequestLife) -> Void) throws -> RequestLife.Facts {
        let recorder = Recorder()
        let life = RequestLife { facts in recorder.ends.withLock { $0.append(facts) } }
        work(life)
        life.ended()
        life.ended()
        let ends = recorder.ends.withLock(\.self)
        #expect(ends.count == 1)
        return try #require(ends.first)
    }

    @Test func aClientThatLeavesBeforeTheResponseGetsNoStatus() throws {
        let facts = try facts {
            $0.noteDisconnect()
            $0.note(status: 400)
        }
        #expect(facts.status == nil && facts.end == .disconnect)
    }

    @Test func aClientThatLeavesAfterTheHeadHasItsStatus() throws {
        let facts = try facts {
            $0.note(status: 200)
            $0.noteDisconnect()
        }
        #expect(facts.status == 200 && facts.end == .disconnect)
    }

    @Test func anotherErrorKeepsItsStatus() throws {
        let facts = try facts { $0.note(status: 400) }
        #expect(facts.status == 400 && facts.end == nil)
    }
}
