import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Testing

/// The pool's decisions: events in, actions out.
@Suite struct ModelPoolTests {
    /// A pool with a clock that returns its actions as short texts.
    private final class Drive {
        var pool: ModelPool<String>
        var now = 0.0
        private var lastTicket = 0

        init(budget: Int, models: Int? = nil, _ change: (inout ModelPool<String>.Limits) -> Void = { _ in }) {
            var limits = ModelPool<String>.Limits(budget: budget, models: models)
            change(&limits)
            pool = ModelPool(limits: limits)
        }

        func request(_ id: String, _ size: Int, pinned: Bool = false, kept: KeepAlive = .forever, asked: KeepAlive? = nil, onlyLoads: Bool = false)
            -> [String]
        {
            lastTicket += 1
            let terms = ModelPool<String>.Terms(
                memory: MemoryUse(weights: size), isPinned: pinned, keepAlive: kept, asked: asked, onlyLoads: onlyLoads)
            return texts(pool.request(lastTicket, id, terms, now: now))
        }

        func cancel(_ ticket: Int) -> [String] { texts(pool.cancel(ticket, now: now)) }
        func loaded(_ id: String, _ size: Int) -> [String] { texts(pool.didLoad(id, id, MemoryUse(weights: size), now: now)) }
        func failed(_ id: String) -> [String] { texts(pool.didFail(id, .loadFailed(id, reason: "bad"), now: now)) }
        func freed(_ id: String) -> [String] { texts(pool.didFree(id, now: now)) }
        func release(_ id: String) -> [String] { texts(pool.release(id, now: now)) }
        func stop() -> [String] { texts(pool.stop()) }

        func retire(_ id: String) -> [String] { texts(pool.retire(id, now: now)) }
        func hold(_ id: String, _ keepAlive: KeepAlive, pinned: Bool) -> [String] {
            texts(pool.hold(id, keepAlive: keepAlive, isPinned: pinned, now: now))
        }

        func remove(_ id: String) -> [String]? {
            switch pool.remove(id, now: now) {
            case .notLoaded: []
            case .inUse: nil
            case .removed(let actions): texts(actions)
            }
        }

        func wait(_ seconds: Double) -> [String] {
            now += seconds
            return texts(pool.advance(now: now))
        }

        private func texts(_ actions: [ModelPool<String>.Action]) -> [String] {
            actions.map { action in
                switch action {
                case .grant(let ticket, let id, _): "\(ticket) has \(id)"
                case .refuse(let ticket, .tooLarge(_, let needed, let available)): "\(ticket) needs \(needed.total) of \(available)"
                case .refuse(let ticket, .waitedTooLong): "\(ticket) waited too long"
                case .refuse(let ticket, .tooManyWait): "\(ticket) is one too many"
                case .refuse(let ticket, .loadFailed): "\(ticket) failed"
                case .refuse(let ticket, .shuttingDown): "\(ticket) must go"
                case .refuse(let ticket, .noPlace): "\(ticket) has no place"
                case .refuse(let ticket, .loadStopped): "\(ticket) was stopped"
                case .refuse(let ticket, let error): "\(ticket): \(error)"
                case .load(let id): "load \(id)"
                case .free(let id, _): "free \(id)"
                }
            }
        }
    }

    @Test func aLoadIsJoined() {
        let drive = Drive(budget: 10)
        #expect(drive.request("a", 4) == ["load a"])
        #expect(drive.request("a", 4) == [])
        #expect(drive.loaded("a", 4) == ["1 has a", "2 has a"])
        #expect(drive.request("a", 4) == ["3 has a"])
    }

    @Test func whatIsOutdatedGoesWithItsLastUserAndComesAnew() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 4, pinned: true)
        _ = drive.loaded("a", 4)
        #expect(drive.request("a", 4) == ["2 has a"])
        #expect(drive.retire("a") == [])
        #expect(drive.release("a") == [])
        #expect(drive.release("a") == ["free a"])
        #expect(drive.request("a", 5) == [])
        #expect(drive.freed("a") == ["load a"])
        #expect(drive.loaded("a", 5) == ["3 has a"])
        #expect(drive.release("a") == [])
        #expect(drive.retire("b") == [])
        #expect(drive.retire("a") == ["free a"])
    }

    @Test func settingsOfWhatIsLoadedChange() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 4, pinned: true)
        _ = drive.loaded("a", 4)
        #expect(drive.release("a") == [])
        #expect(drive.hold("a", .seconds(5), pinned: false) == [])
        #expect(drive.wait(4) == [])
        #expect(drive.wait(2) == ["free a"])
        #expect(drive.hold("b", .forever, pinned: true) == [])
    }

    /// A request's keep-alive applies until the setting changes.
    @Test func settingsThatStayTheSameTakeNothingBack() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 4, kept: .seconds(5), asked: .seconds(100))
        _ = drive.loaded("a", 4)
        #expect(drive.release("a") == [])
        #expect(drive.hold("a", .seconds(5), pinned: false) == [])
        #expect(drive.wait(50) == [])
        #expect(drive.hold("a", .seconds(60), pinned: false) == [])
        #expect(drive.pool.nextDeadline(after: 50) == 60)
        #expect(drive.request("a", 4, asked: .forever) == ["2 has a"])
        #expect(drive.release("a") == [])
        #expect(drive.hold("a", .seconds(60), pinned: true) == [] && drive.hold("a", .seconds(60), pinned: false) == [])
        #expect(drive.pool.nextDeadline(after: 50) == nil)
    }

    @Test func modelsThatFitTogetherAreLoadedTogether() {
        let drive = Drive(budget: 10)
        #expect(drive.request("a", 4) == ["load a"])
        #expect(drive.request("b", 6) == ["load b"])
        #expect(drive.pool.usedBytes == 10)
        #expect(drive.loaded("b", 6) == ["2 has b"])
        #expect(drive.loaded("a", 4) == ["1 has a"])
    }

    /// The least recently used idle models are freed first, and the next load waits until their memory is really free.
    @Test func idleModelsGoLeastRecentlyUsedFirst() {
        let drive = Drive(budget: 10)
        for (ticket, id) in [(1, "a"), (2, "b"), (3, "c")] {
            #expect(drive.request(id, 3) == ["load \(id)"])
            #expect(drive.loaded(id, 3) == ["\(ticket) has \(id)"])
        }
        for id in ["b", "a", "c"] { #expect(drive.release(id) == []) }
        #expect(drive.request("d", 6) == ["free b", "free a"])
        #expect(drive.pool.usedBytes == 9)
        #expect(drive.freed("a") == [])
        #expect(drive.freed("b") == ["load d"])
        #expect(drive.pool.usedBytes == 9)
    }

    @Test func nobodyOvertakesTheFirstThatWaits() {
        let drive = Drive(budget: 10)
        #expect(drive.request("a", 8) == ["load a"])
        #expect(drive.loaded("a", 8) == ["1 has a"])
        #expect(drive.request("b", 8) == [])
        #expect(drive.request("c", 2) == [], "it would fit, but the other one was first")
        #expect(drive.request("a", 8) == ["4 has a"], "a moment has not gone by")
        #expect(drive.release("a") == [])
        #expect(drive.release("a") == ["free a"])
        #expect(drive.freed("a") == ["load b", "load c"])
    }

    @Test func whatIsInTheWayTakesNoNewUsersAfterAMoment() {
        let drive = Drive(budget: 10)
        #expect(drive.request("a", 6) == ["load a"])
        #expect(drive.loaded("a", 6) == ["1 has a"])
        #expect(drive.request("b", 6) == [])
        #expect(drive.pool.nextDeadline(after: 0) == 1)
        #expect(drive.wait(1) == [])
        #expect(drive.request("a", 6) == [], "behind the other one")
        #expect(drive.release("a") == ["free a"])
        #expect(drive.freed("a") == ["load b"])
        #expect(drive.loaded("b", 6) == ["2 has b"])
        #expect(drive.wait(1) == [])
        #expect(drive.release("b") == ["free b"])
        #expect(drive.freed("b") == ["load a"])
        #expect(drive.loaded("a", 6) == ["3 has a"])
    }

    @Test func whoeverGivesUpMakesWayForTheOthers() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 6)
        _ = drive.loaded("a", 6)
        _ = drive.request("b", 6)
        _ = drive.wait(1)
        #expect(drive.request("a", 6) == [])
        #expect(drive.cancel(2) == ["3 has a"])
    }

    @Test func whatCanNeverFitIsRefusedAtOnce() {
        let drive = Drive(budget: 10)
        #expect(drive.request("a", 11) == ["1 needs 11 of 10"])
        #expect(drive.request("p", 4, pinned: true) == ["load p"])
        #expect(drive.request("a", 7) == ["3 needs 7 of 6"])
        #expect(drive.loaded("p", 4) == ["2 has p"])
        #expect(drive.release("p") == [])
        #expect(drive.request("a", 7) == ["4 needs 7 of 6"], "what is pinned stays, idle or not")
        #expect(drive.request("a", 6) == ["load a"])
    }

    /// A change takes effect when the earlier users have finished, however many new requests arrive.
    @Test func whatIsOutdatedTakesNoNewUsers() {
        let drive = Drive(budget: 10) { ($0.waiting, $0.waitSeconds) = (4, 60) }
        _ = drive.request("a", 4)
        _ = drive.loaded("a", 4)
        _ = drive.request("a", 4)
        #expect(drive.pool.isOpen("a"))
        #expect(drive.retire("a") == [])
        #expect(!drive.pool.isOpen("a"))
        #expect(drive.request("a", 8) == [] && drive.request("a", 8) == [])
        #expect(drive.request("a", 11) == ["5 needs 11 of 10"], "it is refused what it could not become")
        #expect(drive.release("a") == [])
        #expect(drive.request("b", 3) == ["load b"], "others do not wait for it")
        #expect(drive.request("a", 8) == [] && drive.request("a", 8) == ["8 is one too many"])
        #expect(drive.loaded("b", 3) == ["6 has b"])
        #expect(drive.release("a") == ["free a"])
        #expect(drive.release("b") == [])
        #expect(drive.freed("a") == ["free b"], "it has grown")
        #expect(drive.freed("b") == ["load a"])
        #expect(drive.loaded("a", 8) == ["3 has a", "4 has a", "7 has a"], "in the order in which they came")
        #expect(drive.pool.isOpen("a"))
        #expect(drive.retire("a") == [] && drive.request("a", 8) == [])
        #expect(drive.wait(60) == ["9: the model a changed and must be reloaded, but its old version was in use for more than 60 seconds"])
    }

    /// A model that becomes outdated while it loads is loaded again.
    @Test func whatIsOutdatedBeforeItIsThereIsLoadedAnew() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 4)
        #expect(drive.retire("a") == [])
        #expect(drive.loaded("a", 4) == ["free a"])
        #expect(drive.freed("a") == ["load a"])
        #expect(drive.loaded("a", 4) == ["1 has a"])
    }

    @Test func placesAreCountedWhereThereIsABound() {
        let drive = Drive(budget: 100, models: 1)
        _ = drive.request("a", 1)
        _ = drive.loaded("a", 1)
        #expect(drive.request("b", 1) == [])
        #expect(drive.release("a") == ["free a"])
        #expect(drive.freed("a") == ["load b"])
        let pinned = Drive(budget: 100, models: 1)
        _ = pinned.request("a", 1, pinned: true)
        #expect(pinned.request("b", 1) == ["2 has no place"])
    }

    @Test func waitingIsBoundedInNumberAndTime() {
        let drive = Drive(budget: 10) { ($0.waiting, $0.waitSeconds) = (2, 60) }
        _ = drive.request("a", 8)
        _ = drive.loaded("a", 8)
        #expect(drive.request("b", 8) == [])
        #expect(drive.request("c", 8) == [])
        #expect(drive.request("d", 8) == ["4 is one too many"])
        #expect(drive.wait(59.9) == [])
        #expect(drive.pool.nextDeadline(after: 59.9) == 60)
        #expect(drive.wait(0.1) == ["2 waited too long", "3 waited too long"])
        #expect(drive.request("a", 8) == ["5 has a"])
    }

    /// A request that waits for a running load does not time out.
    @Test func whoeverWaitsForALoadIsNotSentAway() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 8)
        #expect(drive.wait(1000) == [])
        #expect(drive.loaded("a", 8) == ["1 has a"])
    }

    @Test func aFailedLoadGivesItsShareBack() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 8)
        _ = drive.request("a", 8)
        #expect(drive.request("b", 8) == [])
        #expect(drive.failed("a") == ["1 failed", "2 failed", "load b"])
        #expect(drive.pool.usedBytes == 8)
    }

    @Test func theRealSizeReplacesTheEstimate() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 8)
        #expect(drive.loaded("a", 5) == ["1 has a"])
        #expect(drive.request("b", 5) == ["load b"])
        #expect(drive.release("a") == [])
        #expect(drive.loaded("b", 7) == ["2 has b", "free a"], "more than was said: the idle one goes")
        #expect(drive.freed("a") == [])
        #expect(drive.pool.usedBytes == 7)
    }

    @Test func modelsAreKeptAsLongAsTheirLastRequestSaid() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 1, kept: .seconds(10))
        _ = drive.loaded("a", 1)
        #expect(drive.pool.nextDeadline(after: 0) == nil, "in use")
        #expect(drive.wait(100) == [])
        #expect(drive.release("a") == [])
        #expect(drive.pool.nextDeadline(after: 100) == 110)
        #expect(drive.wait(9) == [])
        #expect(drive.request("a", 1, kept: .seconds(10), asked: .seconds(100)) == ["2 has a"])
        #expect(drive.release("a") == [])
        #expect(drive.wait(99) == [])
        #expect(drive.request("a", 1) == ["3 has a"])
        #expect(drive.release("a") == [])
        #expect(drive.wait(99) == [], "it still holds")
        #expect(drive.wait(1) == ["free a"])
        #expect(drive.freed("a") == [])
        #expect(drive.request("a", 1, kept: .seconds(10), asked: .seconds(0)) == ["load a"])
        #expect(drive.loaded("a", 1) == ["4 has a"])
        #expect(drive.release("a") == ["free a"], "at once")
    }

    @Test func pinnedModelsStayAndGoOnRequestOnly() {
        let drive = Drive(budget: 10)
        _ = drive.request("p", 5, pinned: true, kept: .seconds(1))
        _ = drive.loaded("p", 5)
        _ = drive.release("p")
        #expect(drive.wait(100) == [])
        #expect(drive.remove("p") == ["free p"])
        #expect(drive.remove("p") == [])
        #expect(drive.request("p", 5) == [], "it comes again when it is gone")
        #expect(drive.freed("p") == ["load p"])
        #expect(drive.loaded("p", 5) == ["2 has p"])
        #expect(drive.remove("p") == nil, "it is in use")
    }

    @Test func aLoadThatSomebodyWaitsToUseIsNotStopped() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 8, onlyLoads: true)
        _ = drive.request("a", 8)
        #expect(drive.remove("a") == nil)
        _ = drive.cancel(2)
        #expect(drive.remove("a") == ["1 was stopped"])
    }

    /// When a load is stopped, its waiters fail at once. A request that arrives before the load has really ended waits for its end.
    @Test func aLoadThatIsStoppedIsNobodysAndCanBeginAnew() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 8, onlyLoads: true)
        _ = drive.request("a", 8, onlyLoads: true)
        _ = drive.request("b", 8)
        #expect(drive.remove("a") == ["1 was stopped", "2 was stopped"])
        #expect(drive.request("a", 8, onlyLoads: true) == [], "it still takes its memory")
        #expect(drive.pool.usedBytes == 8)
        #expect(drive.failed("a") == ["load b"], "the other one was first")
        #expect(drive.loaded("b", 2) == ["3 has b", "load a"])
        #expect(drive.remove("a") == ["4 was stopped"])
        #expect(drive.loaded("a", 8) == ["free a"], "it was too late to stop it")
        #expect(drive.request("a", 8) == [])
        #expect(drive.freed("a") == ["load a"])
        #expect(drive.failed("a") == ["5 failed"])
    }

    /// If an outdated load fails, the model is loaded again, because the failure may not apply to the new inputs.
    @Test func whatFailsWhenItIsOutdatedIsTriedAnew() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 4)
        #expect(drive.retire("a") == [])
        #expect(drive.failed("a") == ["load a"])
        #expect(drive.failed("a") == ["1 failed"])
    }

    @Test func theEndIsForAll() {
        let drive = Drive(budget: 10)
        _ = drive.request("a", 5)
        _ = drive.loaded("a", 5)
        _ = drive.request("b", 5)
        _ = drive.request("c", 5)
        #expect(drive.stop() == ["2 must go", "3 must go", "free a"])
        #expect(drive.loaded("b", 5) == ["free b"], "a load that was too late to stop")
        #expect(drive.request("a", 5) == ["4 must go"])
        #expect(drive.release("a") == [])
    }
}
