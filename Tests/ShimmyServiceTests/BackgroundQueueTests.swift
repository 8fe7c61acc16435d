import ShimmyService
import Testing

/// The queue's decisions about which background responses run and which wait.
@Suite struct BackgroundQueueTests {
    private final class Drive {
        var queue = BackgroundQueue<String, Int, Character>(runningAtOnce: 2, mostWaiting: 2)

        func add(_ ids: String..., owner: String = "one") {
            for id in ids { queue.add("job " + id, id: id, owner: owner, number: 1) }
        }

        func next() -> String? { queue.next() }
        func end(_ id: String) -> [Character] { queue.end(id) }
        func watch(_ id: String, beyond number: Int, _ watcher: Character) -> Bool { queue.watch(id, beyond: number, watcher) }
        func advance(_ id: String, to number: Int) -> [Character] { queue.advance(id, to: number) }
        func nudge(_ id: String) -> [Character] { queue.nudge(id) }
        func begun(_ id: String, stop: Int) -> Bool { queue.begun(id, stop: stop) }
        func stop() -> [Character] { queue.stop() }
        func cancel(_ id: String) -> String {
            switch queue.cancel(id) {
            case .nothing: "nothing"
            case .start(let job): "start \(job)"
            case .stop(let stop): "stop \(stop)"
            case .wait: "wait"
            }
        }
    }

    @Test func aFewAreMadeTheOthersWaitTheirTurn() {
        let drive = Drive()
        drive.add("a", "b", "c")
        #expect(drive.next() == "job a")
        #expect(drive.next() == "job b")
        #expect(drive.next() == nil)
        #expect(!drive.queue.isFull(for: "one"))
        drive.add("d")
        #expect(drive.queue.isFull(for: "one") && !drive.queue.isFull(for: "another"))
        #expect(drive.queue.running == 2 && drive.queue.waitingByOwner == ["one": 2])
        #expect(drive.end("a") == [])
        #expect(drive.next() == "job c")
        #expect(drive.next() == nil)
        #expect(drive.queue.isActive("d") && !drive.queue.isActive("a"))
    }

    @Test func ownersTakeTurnsTheOldestOfEachFirst() {
        let drive = Drive()
        for number in 1...6 { drive.add("a\(number)", owner: "many") }
        #expect(drive.next() == "job a1" && drive.next() == "job a2")
        drive.add("b1", "b2", owner: "few")
        drive.add("c1", owner: "one")
        var order: [String?] = []
        for last in ["a1", "a2", "a3", "b1", "c1", "a4", "b2"] {
            #expect(drive.end(last) == [])
            order.append(drive.next())
        }
        #expect(order == ["job a3", "job b1", "job c1", "job a4", "job b2", "job a5", "job a6"])
        #expect(drive.next() == nil)
    }

    @Test func whoComesBackHasATurnAgain() {
        let drive = Drive()
        drive.add("a1", "a2", "a3", owner: "many")
        drive.add("b1", owner: "few")
        #expect(drive.next() == "job a1" && drive.next() == "job b1")
        drive.add("b2", owner: "few")
        #expect(drive.end("b1") == [] && drive.next() == "job a2")
        #expect(drive.end("a1") == [] && drive.next() == "job b2")
        #expect(drive.end("a2") == [] && drive.next() == "job a3")
        #expect(drive.end("b2") == [] && drive.next() == nil)
    }

    @Test func whoseLastOneIsCancelledLosesTheTurn() {
        let drive = Drive()
        drive.add("a1", "a2", owner: "many")
        drive.add("b1", owner: "few")
        drive.add("c1", owner: "one")
        #expect(drive.cancel("b1") == "start job b1")
        #expect(drive.next() == "job a1")
        #expect(drive.end("b1") == [] && drive.next() == "job c1")
        #expect(drive.end("a1") == [] && drive.next() == "job a2")
    }

    @Test func whatIsStoppedBeginsNothing() {
        let drive = Drive()
        drive.add("a", "b", "c")
        #expect(drive.next() == "job a" && drive.next() == "job b")
        #expect(drive.watch("c", beyond: 1, "x") && drive.watch("a", beyond: 1, "y"))
        #expect(drive.stop() == ["x"], "what is being made is still watched")
        #expect(drive.queue.activeIDs.sorted() == ["a", "b"])
        #expect(drive.end("a") == ["y"])
        drive.add("d")
        #expect(drive.next() == nil && !drive.queue.isActive("d"))
    }

    @Test func watchersHearOfNews() {
        let drive = Drive()
        drive.add("a")
        #expect(!drive.watch("a", beyond: 0, "x"), "event 1 is there already")
        #expect(drive.watch("a", beyond: 1, "x"))
        #expect(drive.watch("a", beyond: 1, "y"))
        #expect(drive.advance("a", to: 4) == ["x", "y"])
        #expect(!drive.watch("a", beyond: 3, "x"))
        #expect(drive.watch("a", beyond: 4, "x"))
        #expect(drive.nudge("a") == ["x"])
        #expect(drive.watch("a", beyond: 4, "x"))
        #expect(drive.next() == "job a")
        #expect(drive.end("a") == ["x"])
        #expect(!drive.watch("a", beyond: 9, "x"), "nothing comes any more")
        #expect(drive.nudge("a") == [] && drive.advance("a", to: 9) == [])
    }

    @Test func whatWaitsIsCancelledByTakingItUp() {
        let drive = Drive()
        drive.add("a", "b", "c")
        #expect(drive.next() == "job a")
        #expect(drive.next() == "job b")
        #expect(drive.cancel("c") == "start job c")
        #expect(drive.queue.isCancelled("c") && !drive.queue.isCancelled("a"))
        #expect(drive.cancel("c") == "wait")
        #expect(drive.end("c") == [])
        #expect(drive.next() == nil)
        #expect(drive.cancel("c") == "nothing")
    }

    @Test func whatIsMadeIsCancelledByItsStop() {
        let drive = Drive()
        drive.add("a", "b")
        #expect(drive.next() == "job a")
        #expect(!drive.begun("a", stop: 7))
        #expect(drive.cancel("a") == "stop 7")
        #expect(drive.next() == "job b")
        #expect(drive.cancel("b") == "wait", "it has not begun")
        #expect(drive.begun("b", stop: 8), "it was cancelled before it began")
    }
}
