/// A text format of metrics.
package enum MetricsFormat: Sendable {
    /// Prometheus' text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.0.
    case openMetrics

    private static let openMetricsType = "application/openmetrics-text"

    /// Chooses the format that a client prefers, by its `Accept` header. It is OpenMetrics only if the header names it.
    package init(accept: String?) {
        var (open, plain) = (0.0, 0.0)
        for range in (accept ?? "").utf8.count <= 4096 ? (accept ?? "").lowercased().split(separator: ",") : [] {
            let parts = range.split(separator: ";").map { String($0.filter { $0 != " " && $0 != "\t" }) }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            switch parts.first {
            case Self.openMetricsType: open = max(open, quality)
            case "text/plain", "text/*": plain = max(plain, quality)
            default: break
            }
        }
        self = open > 0 && open >= plain ? .openMetrics : .prometheus
    }

    package var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "\(Self.openMetricsType); version=1.0.0; charset=utf-8"
        }
    }

    /// Returns the exposition of metrics.
    package func text(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families { write(family, to: &text) }
        if self == .openMetrics { text += "# EOF\n" }
        return text
    }

    private func write(_ family: MetricFamily, to text: inout String) {
        let metric = family.description
        let sample = metric.kind == .counter ? metric.name + "_total" : metric.name
        // In OpenMetrics, the name of a counter is that of its samples without the suffix.
        let name = self == .openMetrics ? metric.name : sample
        text += "# HELP \(name) \(escaped(metric.help, quotes: self == .openMetrics))\n# TYPE \(name) \(metric.kind.rawValue)\n"
        for series in family.series {
            switch series.value {
            case .number(let value): write(sample, series.labels, value, to: &text)
            case .histogram(let value): write(value, of: sample, series.labels, to: &text)
            }
        }
    }

    /// Writes a histogram. Each bucket counts the values of the smaller ones, too.
    private func write(_ histogram: HistogramValue, of name: String, _ labels: [MetricLabel], to text: inout String) {
        var total = 0
        for (index, count) in histogram.counts.enumerated() {
            total += count
            let bound = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
            write(name + "_bucket", labels + [MetricLabel("le", bound)], Double(total), to: &text)
        }
        write(name + "_sum", labels, histogram.sum, to: &text)
        write(name + "_count", labels, Double(total), to: &text)
    }

    private func write(_ name: String, _ labels: [MetricLabel], _ value: Double, to text: inout String) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// Returns a text with backslashes, line feeds and, if asked for, quotation marks escaped.
    private func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || $0 == 0x22 }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
}
