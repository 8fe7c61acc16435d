import ShimmyMetrics
import Testing

/// Prometheus' text formats.
@Suite struct MetricsFormatTests {
    private static let counter = MetricDescription(.counter, "work", "Work with a \\ and\na second line.")
    private static let histogram = MetricDescription(.histogram, "wait_seconds", "Waits.", bounds: [0.5, 1])

    private func number(_ value: Double) -> String {
        let family = MetricFamily(MetricDescription(.gauge, "g", "G."), [.init([], .number(value))])
        return String(MetricsFormat.prometheus.text([family]).split(separator: "\n").last ?? "")
    }

    @Test func aCounter() {
        let family = MetricFamily(Self.counter, [.init([MetricLabel("who", "a\"b\\c\nd")], .number(3))])
        #expect(
            MetricsFormat.prometheus.text([family]) == #"""
                # HELP work_total Work with a \\ and\na second line.
                # TYPE work_total counter
                work_total{who="a\"b\\c\nd"} 3

                """#)
        #expect(
            MetricsFormat.openMetrics.text([family]) == #"""
                # HELP work Work with a \\ and\na second line.
                # TYPE work counter
                work_total{who="a\"b\\c\nd"} 3
                # EOF

                """#)
    }

    @Test func bucketsAreCumulative() {
        var value = HistogramValue(bounds: Self.histogram.bounds)
        for seconds in [0.1, 0.5, 0.75, 2, .infinity, .nan] { value.record(seconds) }
        let family = MetricFamily(Self.histogram, [.init([MetricLabel("model", "m")], .histogram(value))])
        #expect(
            MetricsFormat.prometheus.text([family]) == #"""
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{model="m",le="0.5"} 2
                wait_seconds_bucket{model="m",le="1.0"} 3
                wait_seconds_bucket{model="m",le="+Inf"} 4
                wait_seconds_sum{model="m"} 3.35
                wait_seconds_count{model="m"} 4

                """#)
    }

    @Test func numbers() {
        #expect(number(0) == "g 0" && number(-2) == "g -2" && number(0.25) == "g 0.25")
        #expect(number(.infinity) == "g +Inf" && number(-.infinity) == "g -Inf" && number(.nan) == "g NaN")
        #expect(number(1e300) == "g 1e+300")
    }

    @Test(
        arguments: [
            (nil, false), ("*/*", false), ("text/plain", false), ("application/openmetrics-text", true),
            ("APPLICATION/OpenMetrics-Text; q=0.5", true),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true),
            ("application/openmetrics-text;q=0.1, text/plain;q=0.9", false), ("application/openmetrics-text;q=0", false), (";;,q=,", false),
        ] as [(String?, Bool)]) func theClientChoosesTheFormat(accept: String?, isOpen: Bool)
    {
        #expect(MetricsFormat(accept: accept).contentType.hasPrefix("application/openmetrics-text") == isOpen)
    }

    @Test func namesAndHelpTextsAreThoseThatPrometheusAsksFor() {
        var names: Set<String> = []
        for metric in ServerMetrics.all {
            #expect(names.insert(metric.name).inserted)
            #expect(metric.name.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" } && metric.help.hasSuffix("."))
            #expect(!metric.name.hasSuffix("_total") && metric.bounds == metric.bounds.sorted())
            #expect((metric.kind == .histogram) != metric.bounds.isEmpty)
        }
    }
}
