import CoreMetrics
import ShimmyMetrics
import Testing

/// The registry behind swift-metrics.
@Suite struct MetricsRegistryTests {
    private static let work = MetricDescription(.counter, "work", "Work.")
    private static let sizes = MetricDescription(.histogram, "sizes", "Sizes.", bounds: [1, 10])

    private func text(_ registry: MetricsRegistry) -> Set<Substring> {
        Set(MetricsFormat.prometheus.text(registry.families).split(separator: "\n"))
    }

    @Test func describedMetricsAreThereFromTheStart() {
        #expect(text(MetricsRegistry([Self.work])) == ["# HELP work_total Work.", "# TYPE work_total counter"])
    }

    @Test func whatIsRecordedAddsUp() {
        let registry = MetricsRegistry([Self.work, Self.sizes])
        registry.count(Self.work, ["b": "2", "a": "1"])
        registry.count(Self.work, by: 4, ["a": "1", "b": "2"])
        registry.count(Self.work, by: -9, ["a": "1", "b": "2"])
        registry.record(Self.sizes, 5, [:])
        registry.record(Self.sizes, 50, [:])
        let lines = text(registry)
        #expect(lines.contains(#"work_total{a="1",b="2"} 5"#))
        #expect(lines.isSuperset(of: [#"sizes_bucket{le="1.0"} 0"#, #"sizes_bucket{le="10.0"} 1"#, "sizes_sum 55", "sizes_count 2"]))
    }

    @Test func theNumberOfSeriesIsBounded() {
        let registry = MetricsRegistry([Self.work], mostSeries: 10)
        for number in 0..<1000 { registry.count(Self.work, ["who": "\(number)"]) }
        let series = registry.families[0].series
        #expect(series.count == 11)
        #expect(series.contains { $0.labels == [MetricLabel("who", "other")] && $0.value == .number(990) })
    }

    @Test func longValuesAreNotLabels() {
        let registry = MetricsRegistry([Self.work])
        registry.count(Self.work, ["who": String(repeating: "x", count: 10_000)])
        #expect(registry.families[0].series.map(\.labels) == [[MetricLabel("who", "other")]])
    }

    @Test func librariesRecordWithTheirOwnNames() {
        let registry = MetricsRegistry([Self.work])
        Counter(label: "http.client.calls_total", dimensions: [("peer.name", "a")], factory: registry).increment()
        Timer(label: "http.wait", dimensions: [], factory: registry).recordNanoseconds(2_000_000_000)
        Meter(label: "9 lives", dimensions: [], factory: registry).set(9)
        let lines = text(registry)
        #expect(lines.isSuperset(of: [#"http_client_calls_total{peer_name="a"} 1"#, "http_wait_seconds_sum 2", "_9_lives 9"]))
    }

    @Test func aNameHasOneKind() {
        let registry = MetricsRegistry([Self.work])
        Meter(label: "work", dimensions: [], factory: registry).set(3)
        registry.count(Self.work, [:])
        #expect(registry.families.count == 1 && registry.families[0].series.map(\.value) == [.number(1)])
    }

    @Test func librariesMakeABoundedNumberOfMetrics() {
        let registry = MetricsRegistry()
        for number in 0..<1000 { Counter(label: "c\(number)", dimensions: [], factory: registry).increment() }
        #expect(registry.families.count == MetricsRegistry.mostUnknown)
    }
}
