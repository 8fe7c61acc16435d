import CoreMetrics
import Synchronization

/// The current value of one series of a registry.
protocol MetricSeries: AnyObject, Sendable {
    var kind: MetricDescription.Kind { get }
    var value: MetricFamily.Series.Value { get }
}

final class CounterSeries: MetricSeries, CounterHandler {
    private let total = Atomic<Int64>(0)

    var kind: MetricDescription.Kind { .counter }
    var value: MetricFamily.Series.Value { .number(Double(total.load(ordering: .relaxed))) }

    /// Adds an amount. A counter never falls.
    func increment(by amount: Int64) {
        if amount > 0 { _ = total.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { total.store(0, ordering: .relaxed) }
}

final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let current = Mutex(0.0)

    var kind: MetricDescription.Kind { .gauge }
    var value: MetricFamily.Series.Value { .number(current.withLock { $0 }) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { current.withLock { $0 = value } }
    func increment(by amount: Double) { current.withLock { $0 += amount } }
    func decrement(by amount: Double) { current.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
}

final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    private let current: Mutex<HistogramValue>

    init(bounds: [Double]) { current = Mutex(HistogramValue(bounds: bounds)) }

    var kind: MetricDescription.Kind { .histogram }
    var value: MetricFamily.Series.Value { .histogram(current.withLock { $0 }) }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { current.withLock { $0.record(value) } }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}

extension MetricFamily.Series {
    /// Returns whether the series comes before another one in the exposition.
    func isBefore(_ other: MetricFamily.Series) -> Bool {
        labels.map(\.value).lexicographicallyPrecedes(other.labels.map(\.value))
    }
}
