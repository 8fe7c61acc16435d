import Foundation
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Synchronization
import Testing

@Suite struct WorkerThreadsTests {
    @Test(arguments: [1, 2, 5]) func everyPieceIsDoneOnceByAThreadThatDoesNothingElse(threads: Int) {
        let workers = WorkerThreads(name: "test", count: threads)
        defer { workers.stop() }
        for count in [0, 1, 2, 3, 17, 200] {
            let done = Mutex([Int](repeating: 0, count: count))
            let busy = Mutex(Set<Int>())
            let clashes = Atomic(0)
            workers.perform(count, active: threads) { piece, thread in
                let isFree = busy.withLock { $0.insert(thread).inserted }
                if !isFree || thread >= threads { clashes.add(1, ordering: .relaxed) }
                done.withLock { $0[piece] += 1 }
                _ = busy.withLock { $0.remove(thread) }
            }
            #expect(done.withLock { $0.allSatisfy { $0 == 1 } } && clashes.load(ordering: .relaxed) == 0)
        }
    }

    @Test func onlyActiveThreadsWork() {
        let workers = WorkerThreads(name: "test", count: 4)
        defer { workers.stop() }
        let seen = Mutex(Set<Int>())
        for _ in 0..<50 { workers.perform(20, active: 2) { _, thread in _ = seen.withLock { $0.insert(thread) } } }
        #expect(seen.withLock { $0.isSubset(of: [0, 1]) && $0.contains(0) })
    }

    /// Returns the tokens drawn for many sequences, step by step.
    private func drawn(threads: Int) -> [[Token]] {
        let workers = WorkerThreads(name: "test", count: threads)
        defer { workers.stop() }
        let scratches = (0..<threads).map { _ in SamplerScratch() }
        let count = 24
        var draws = (0..<count).map { number in
            var parameters = SamplingParameters(topP: number % 2 == 0 ? 0.9 : 1, seed: Int64(number))
            parameters.frequencyPenalty = number % 3 == 0 ? 0.5 : 0
            parameters.topK = number % 5 == 0 ? 20 : 0
            return SequenceSampler(SequenceSampling(parameters), endOfGeneration: 0, ends: [])
        }
        var tokens = [[Token]](repeating: [], count: count)
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20 {
            let logits = (0..<count * 3000).map { _ in Float.random(in: -4...0, using: &random) }
            logits.withUnsafeBufferPointer { all in
                var jobs = draws.enumerated().map { number, sampler in
                    let row = UnsafeBufferPointer(rebasing: all[number * 3000..<(number + 1) * 3000])
                    return SequenceDraw(sequence: SequenceID(UInt64(number)), sampler: sampler, rows: [row], draft: [])
                }
                jobs.withUnsafeMutableBufferPointer { buffer in
                    nonisolated(unsafe) let (jobs, scratches) = (buffer, scratches)
                    workers.perform(count, active: threads) { jobs[$0].run(with: scratches[$1], ends: []) }
                }
                draws = jobs.map(\.sampler)
                for (number, job) in jobs.enumerated() { tokens[number] += job.tokens }
            }
        }
        return tokens
    }

    @Test func drawsDoNotDependOnHowManyThreadsDrawThem() {
        let alone = drawn(threads: 1)
        #expect(drawn(threads: 2) == alone && drawn(threads: 4) == alone)
    }
}
