// This module holds metrics, which the server and its libraries record through swift-metrics, and writes them in Prometheus' text formats. It knows
// the names of all metrics, but neither requests nor engines.

/// A metric as programs that collect metrics see it: a name, a kind, a help text.
package struct MetricDescription: Sendable, Hashable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    /// The name. Samples of a counter have the suffix `_total`, which is not part of the name.
    package let name: String
    package let kind: Kind
    package let help: String
    /// The upper bounds of a histogram's buckets, ascending, without infinity; empty for other kinds.
    package let bounds: [Double]

    package init(_ kind: Kind, _ name: String, _ help: String, bounds: [Double] = []) {
        self.kind = kind
        self.name = name
        self.help = help
        self.bounds = bounds
    }
}

/// A label of a series.
package struct MetricLabel: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A metric with its series at one moment.
package struct MetricFamily: Sendable {
    package struct Series: Sendable {
        package enum Value: Sendable, Equatable {
            case number(Double)
            case histogram(HistogramValue)
        }

        package var labels: [MetricLabel]
        package var value: Value

        package init(_ labels: [MetricLabel], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package var description: MetricDescription
    package var series: [Series]

    package init(_ description: MetricDescription, _ series: [Series] = []) {
        self.description = description
        self.series = series
    }
}
