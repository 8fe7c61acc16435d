import ShimmyAPI
import ShimmyServer
import Testing

/// The order of the requests of one WebSocket.
@Suite struct ResponseLanesTests {
    /// A class, because expectations cannot change a struct.
    private final class Lanes {
        private var lanes: ResponseLanes<Int>

        init(mostRunning: Int, mostWaiting: Int, mostWaitingBytes: Int = 100) {
            lanes = ResponseLanes(mostRunning: mostRunning, mostWaiting: mostWaiting, mostWaitingBytes: mostWaitingBytes)
        }

        var isBusy: Bool { lanes.isBusy }
        var isDrained: Bool { lanes.isDrained }

        /// Returns "begins", "waits" or the status of the refusal.
        func add(_ job: Int, bytes: Int = 1, to lane: String?, hasMemory: Bool = true) -> String {
            switch lanes.add(job, bytes: bytes, to: lane, reserve: { hasMemory }) {
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

    @Test func waitingBytesAreLimited() {
        let lanes = Lanes(mostRunning: 1, mostWaiting: 9, mostWaitingBytes: 10)
        #expect(lanes.add(1, bytes: 50, to: nil) == "begins")
        #expect(lanes.add(2, bytes: 6, to: nil) == "waits")
        #expect(lanes.add(3, bytes: 5, to: nil) == "429")
        #expect(lanes.add(4, bytes: 4, to: nil) == "waits")
        #expect(lanes.add(5, bytes: 1, to: nil) == "429")
        #expect(lanes.finished(nil) == 2)
        #expect(lanes.add(6, bytes: 6, to: nil) == "waits")
        #expect(lanes.finished(nil) == 4)
        #expect(lanes.finished(nil) == 6)
        // One request may wait, whatever its size.
        #expect(lanes.add(7, bytes: .max, to: nil) == "waits")
        #expect(lanes.add(8, bytes: 0, to: nil) == "429")
        #expect(lanes.finished(nil) == 7)
    }

    @Test func waitingNeedsMemory() {
        let lanes = Lanes(mostRunning: 1, mostWaiting: 9)
        #expect(lanes.add(1, to: nil, hasMemory: false) == "begins")
        #expect(lanes.add(2, to: nil, hasMemory: false) == "503")
        #expect(lanes.add(3, to: nil) == "waits")
        #expect(lanes.finished(nil) == 3)
        #expect(lanes.finished(nil) == nil)
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
