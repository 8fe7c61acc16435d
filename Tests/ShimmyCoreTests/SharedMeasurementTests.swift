import ShimmyCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct SharedMeasurementTests {
    /// A measurement that counts its runs.
    private final class Meter: Sendable {
        private let state = Mutex((runs: 0, fails: false))

        var runs: Int { state.withLock { $0.runs } }

        func fail() { state.withLock { $0.fails = true } }

        func measure() async throws -> Int {
            let (runs, fails) = state.withLock { state in
                state.runs += 1
                return state
            }
            // Gives other readers time to arrive.
            for _ in 0..<1000 { await Task.yield() }
            if fails { throw CancellationError() }
            return runs
        }
    }

    private let meter = Meter()

    @Test func concurrentReadersShareOneMeasurement() async {
        let (measurement, meter) = (SharedMeasurement<Int>(interval: .seconds(3600)), self.meter)
        let values = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<8 { group.addTask { await measurement.value { try await meter.measure() } } }
            var values: [Int?] = []
            for await value in group { values.append(value) }
            return values
        }
        #expect(values == Array(repeating: 1, count: 8) && meter.runs == 1)
    }

    @Test func aValueIsKeptForTheInterval() async {
        let (measurement, meter) = (SharedMeasurement<Int>(interval: .seconds(3600)), self.meter)
        for _ in 0..<3 {
            let value = await measurement.value { try await meter.measure() }
            #expect(value == 1)
        }
        #expect(meter.runs == 1)
    }

    @Test func theLastValueStandsInForAFailure() async {
        let (measurement, meter) = (SharedMeasurement<Int>(interval: .zero), self.meter)
        let first = await measurement.value { try await meter.measure() }
        meter.fail()
        let second = await measurement.value { try await meter.measure() }
        #expect(first == 1 && second == 1 && meter.runs == 2)
        let other = SharedMeasurement<Int>(interval: .zero)
        let none = await other.value { try await meter.measure() }
        #expect(none == nil)
    }
}
