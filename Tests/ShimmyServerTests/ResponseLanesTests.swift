import ShimmyAPI
import ShimmyServer
import Testing

/// The order of the requests of one WebSocket.
@Suite struct ResponseLanesTests {
    /// A class, because expectations cannot change a struct.
    private final class Lanes {
        private var lanes: ResponseLanes<Int>

        init(mostRunning: Int, mostWaiting: Int) { lanes = ResponseLanes(mostRunning: mostRunning, mostWaiting: mostWaiting) }

        var isBusy: Bool { lanes.isBusy }
        var isDrained: Bool { lanes.isDrained }

        /// Returns "begins", "waits" or the status of the refusal.
        func add(_ job: Int, to lane: String?) -> String {
            switch lanes.add(job, to: lane) {
            case .begins: "begins"
            case .waits: "waits"
            case .refused(let error): "\(error.status)"
            }
        }

        /// Returns the number of the request that begins in the place of the one that ended.
        func finished(_ lane: String?) -> Int? { lanes.finished(lane)?.job }
        func drain() -> [String?] { lanes.drain() }
    }

    @Test func aLaneIsInOrder() {
        let lanes = Lanes(mostRunning: 4, mostWaiting: 9)
        #expect(lanes.add(1, to: "a") == "begins")
        #expect(lanes.add(2, to: "a") == "waits")
        #expect(lanes.add(3, to: "a") == "waits")
        #expect(lanes.add(4, to: "b") == "begins")
        #expect(lanes.add(5, to: nil) == "begins")
        #expect(lanes.finished("b") == nil)
        #expect(lanes.finished("a") == 2)
        #expect(lanes.finished("a") == 3)
        #expect(lanes.finished("a") == nil)
        #expect(lanes.isBusy)
        #expect(lanes.finished(nil) == nil)
        #expect(!lanes.isBusy)
    }

    @Test func onlySomeRunAtATime() {
        let lanes = Lanes(mostRunning: 2, mostWaiting: 9)
        #expect(lanes.add(1, to: "a") == "begins")
        #expect(lanes.add(2, to: "b") == "begins")
        #expect(lanes.add(3, to: "a") == "waits")
        #expect(lanes.add(4, to: "c") == "waits")
        // The first request whose lane is free begins.
        #expect(lanes.finished("b") == 4)
        #expect(lanes.finished("c") == nil)
        #expect(lanes.finished("a") == 3)
    }

    @Test func waitingIsLimited() {
        let lanes = Lanes(mostRunning: 1, mostWaiting: 1)
        #expect(lanes.add(1, to: nil) == "begins")
        #expect(lanes.add(2, to: nil) == "waits")
        #expect(lanes.add(3, to: nil) == "429")
        #expect(lanes.finished(nil) == 2)
        #expect(lanes.add(4, to: nil) == "waits")
    }

    @Test func drainingLetsRunningRequestsEnd() {
        let lanes = Lanes(mostRunning: 2, mostWaiting: 9)
        #expect(lanes.add(1, to: "a") == "begins")
        #expect(lanes.add(2, to: "a") == "waits")
        #expect(lanes.drain() == ["a"])
        #expect(!lanes.isDrained)
        #expect(lanes.add(3, to: "b") == "503")
        #expect(lanes.finished("a") == nil)
        #expect(lanes.isDrained)
    }
}
