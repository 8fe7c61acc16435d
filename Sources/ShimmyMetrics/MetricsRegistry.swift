package import CoreMetrics
import Synchronization

/// A registry of metrics with a bounded number of series. The server and the libraries record through swift-metrics.
package final class MetricsRegistry: Sendable {
    /// The max number of metrics that libraries add without a description.
    package static let mostUnknown = 100
    /// The max bytes of a label's value.
    package static let longestValue = 200
    /// The value of all labels of the series that counts values beyond the limit on series.
    package static let overflow = "other"

    struct Family {
        let description: MetricDescription
        var series: [[MetricLabel]: any MetricSeries] = [:]
    }

    private struct State {
        var families: [String: Family]
        var unknown = 0
    }

    private let state: Mutex<State>
    /// The names of the described metrics, in the order of the exposition.
    private let order: [String]
    private let mostSeries: Int

    /// - descriptions: the metrics that are in the exposition even before anything is recorded.
    /// - mostSeries: the max number of series of a metric. Beyond it, values count toward a series whose labels are all `other`.
    package init(_ descriptions: [MetricDescription] = [], mostSeries: Int = 1000) {
        order = descriptions.map(\.name)
        self.mostSeries = mostSeries
        let families = Dictionary(descriptions.map { ($0.name, Family(description: $0)) }, uniquingKeysWith: { first, _ in first })
        state = Mutex(State(families: families))
    }

    /// Makes this registry the one that libraries record to. Must be called at most once in a process.
    package func takeLibraries() { MetricsSystem.bootstrap(self) }

    /// The metrics of the moment: the described ones in order, then those of libraries by name.
    package var families: [MetricFamily] {
        let families = state.withLock { $0.families }
        let others = families.keys.filter { !order.contains($0) }.sorted()
        return (order + others).compactMap { families[$0] }.map { family in
            let series = family.series.map { MetricFamily.Series($0, $1.value) }
            return MetricFamily(family.description, series.sorted { $0.isBefore($1) })
        }
    }

    // MARK: Recording

    /// Adds to a counter.
    package func count(_ metric: MetricDescription, by amount: Int = 1, _ labels: KeyValuePairs<String, String>) {
        Counter(label: metric.name, dimensions: labels.map { ($0.key, $0.value) }, factory: self).increment(by: amount)
    }

    /// Adds a value to a histogram.
    package func record(_ metric: MetricDescription, _ value: Double, _ labels: KeyValuePairs<String, String>) {
        Recorder(label: metric.name, dimensions: labels.map { ($0.key, $0.value) }, aggregate: true, factory: self).record(value)
    }

    /// Returns the series of a metric, which is made if it does not exist; nil if a metric of another kind has the name, or if libraries have made
    /// too many metrics.
    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], unknown: (String) -> MetricDescription, make: (MetricDescription) -> Series
    ) -> Series? {
        let labels = Self.labels(dimensions)
        let described = unknown(Self.name(label))
        return state.withLock { state in
            let name = state.families[label] == nil ? described.name : label
            if state.families[name] == nil {
                guard state.unknown < Self.mostUnknown else { return nil }
                state.unknown += 1
                state.families[name] = Family(description: described)
            }
            guard let family = state.families[name] else { return nil }
            if let known = family.series[labels] { return known as? Series }
            let isFull = family.series.count >= mostSeries
            let key = isFull ? labels.map { MetricLabel($0.name, Self.overflow) } : labels
            if let known = family.series[key] { return known as? Series }
            let made = make(family.description)
            guard made.kind == family.description.kind else { return nil }
            state.families[name]?.series[key] = made
            return made
        }
    }

    // MARK: Names

    /// Returns a valid metric name made from any label.
    static func name(_ label: String) -> String {
        let valid = String(label.unicodeScalars.prefix(longestValue).map { isWordScalar($0) ? Character($0) : "_" })
        let name = valid.first.map(\.isNumber) ?? true ? "_" + valid : valid
        return name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
    }

    /// Returns labels with valid names and values within the bound, in the order of their names.
    private static func labels(_ dimensions: [(String, String)]) -> [MetricLabel] {
        var labels: [MetricLabel] = []
        for (name, value) in dimensions.prefix(16) {
            let name = self.name(name)
            if labels.contains(where: { $0.name == name }) { continue }
            labels.append(MetricLabel(name, value.utf8.count <= longestValue ? value : overflow))
        }
        return labels.sorted { $0.name < $1.name }
    }

    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }
}

extension MetricsRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let counter = series(label, dimensions, unknown: { MetricDescription(.counter, $0, Self.help) }, make: { _ in CounterSeries() })
        if let counter { return counter }
        return NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        if let gauge = gauge(label, dimensions) { return gauge }
        return NOOPMetricsHandler.instance
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate, let histogram = histogram(label, dimensions, suffix: "", bounds: MetricBounds.sizes) { return histogram }
        if !aggregate, let gauge = gauge(label, dimensions) { return gauge }
        return NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        if let histogram = histogram(label, dimensions, suffix: "_seconds", bounds: MetricBounds.seconds) { return histogram }
        return NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries? {
        series(label, dimensions, unknown: { MetricDescription(.gauge, $0, Self.help) }, make: { _ in GaugeSeries() })
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], suffix: String, bounds: [Double]) -> HistogramSeries? {
        series(
            label, dimensions, unknown: { MetricDescription(.histogram, $0 + suffix, Self.help, bounds: bounds) },
            make: { HistogramSeries(bounds: $0.bounds) })
    }

    private static let help = "Recorded by a library."
}
