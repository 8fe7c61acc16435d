import Foundation
import ShimmyCore
import ShimmyEngine
import Synchronization
import Testing

@Suite struct ComputeTurnTests {
    @Test func oneComputesAtATimeAndNobodyIsPassedBy() {
        let turn = ComputeTurn()
        let inside = Atomic(0)
        let log = Mutex([Int]())
        let group = DispatchGroup()
        for engine in 0..<3 {
            group.enter()
            Thread {
                let member = ComputeTurn.Member(turn)
                for _ in 0..<300 {
                    member.perform { _ in
                        #expect(inside.add(1, ordering: .sequentiallyConsistent).newValue == 1)
                        log.withLock { $0.append(engine) }
                        inside.subtract(1, ordering: .sequentiallyConsistent)
                    }
                }
                group.leave()
            }.start()
        }
        group.wait()
        #expect(log.withLock { log in (0..<3).allSatisfy { engine in log.count { $0 == engine } == 300 } })
    }

    @Test func whoAsksFirstComputesFirst() {
        let turn = ComputeTurn()
        let order = Mutex([Int]())
        let group = DispatchGroup()
        let mine = ComputeTurn.Member(turn)
        mine.perform { _ in
            for number in 0..<4 {
                group.enter()
                let asks = DispatchSemaphore(value: 0)
                Thread {
                    let member = ComputeTurn.Member(turn)
                    asks.signal()
                    member.perform { _ in order.withLock { $0.append(number) } }
                    group.leave()
                }.start()
                asks.wait()
                while turn.waiting < number + 1 { sched_yield() }
            }
        }
        group.wait()
        #expect(order.withLock { $0 } == [0, 1, 2, 3])
    }

    @Test func onlyOthersStreamsCountAndNoneOfThoseThatAreGone() {
        let turn = ComputeTurn()
        let one = ComputeTurn.Member(turn)
        var other: ComputeTurn.Member? = ComputeTurn.Member(turn)
        one.note(streams: true)
        other?.note(streams: true)
        let beside = one.perform { $0 }
        other?.note(streams: false)
        let alone = one.perform { $0 }
        other?.note(streams: true)
        other = nil
        let afterwards = one.perform { $0 }
        #expect((beside, alone, afterwards) == (1, 0, 0))
    }
}
