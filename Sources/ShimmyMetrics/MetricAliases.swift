/// Names that other servers give to the same metrics, so that dashboards for them work.
package enum MetricAliases {
    private struct Alias {
        let kind: MetricDescription.Kind
        let name: String
        let source: MetricDescription
        /// The labels that a series of the source must have to count; empty to count all.
        var only: [MetricLabel] = []
        /// The labels to keep, with their names here. All others are added up.
        var labels: [String: String] = [:]
        /// The metric by which the source is divided.
        var divisor: MetricDescription?
    }

    /// Returns the metrics under the names of vLLM and of llama.cpp's server.
    package static func families(of families: [MetricFamily]) -> [MetricFamily] {
        let byName = Dictionary(families.map { ($0.description.name, $0) }, uniquingKeysWith: { first, _ in first })
        return all.map { alias in
            let metric = alias.source
            let description = MetricDescription(alias.kind, alias.name, "The same as \(metric.name). \(metric.help)", bounds: metric.bounds)
            return MetricFamily(description, series(of: alias, byName))
        }
    }

    private static func series(of alias: Alias, _ families: [String: MetricFamily]) -> [MetricFamily.Series] {
        let sums = sums(alias.source, alias, families)
        guard let divisor = alias.divisor else { return sums }
        let divisors = Self.sums(divisor, alias, families)
        return sums.compactMap { series in
            guard case .number(let value) = series.value, let other = divisors.first(where: { $0.labels == series.labels }),
                case .number(let total) = other.value, total > 0
            else { return nil }
            return MetricFamily.Series(series.labels, .number(value / total))
        }
    }

    /// Returns the series of a metric with the labels of an alias. Series that differ in other labels are added up.
    private static func sums(
        _ metric: MetricDescription, _ alias: Alias, _ families: [String: MetricFamily]
    ) -> [MetricFamily.Series] {
        var sums: [MetricFamily.Series] = []
        for series in families[metric.name]?.series ?? [] where alias.only.allSatisfy(series.labels.contains) {
            let labels = series.labels.compactMap { label in alias.labels[label.name].map { MetricLabel($0, label.value) } }
            guard let index = sums.firstIndex(where: { $0.labels == labels }) else {
                sums.append(MetricFamily.Series(labels, series.value))
                continue
            }
            switch (sums[index].value, series.value) {
            case (.number(let one), .number(let other)): sums[index].value = .number(one + other)
            case (.histogram(var one), .histogram(let other)):
                one.add(other)
                sums[index].value = .histogram(one)
            default: break
            }
        }
        return sums
    }

    private static let model = ["model": "model_name", "gen_ai_request_model": "model_name"]
    private static let all = vLLM + llamaCpp

    private static let vLLM: [Alias] = [
        Alias(kind: .gauge, name: "vllm:num_requests_running", source: ServerMetrics.running, labels: model),
        Alias(kind: .gauge, name: "vllm:num_requests_waiting", source: ServerMetrics.queueLength, labels: model),
        Alias(
            kind: .gauge, name: "vllm:kv_cache_usage_perc", source: ServerMetrics.cellsUsed, labels: model, divisor: ServerMetrics.cellsLimit),
        Alias(
            kind: .gauge, name: "vllm:gpu_cache_usage_perc", source: ServerMetrics.cellsUsed, labels: model, divisor: ServerMetrics.cellsLimit),
        Alias(kind: .counter, name: "vllm:prefix_cache_queries", source: ServerMetrics.prefixQueries, labels: model),
        Alias(kind: .counter, name: "vllm:prefix_cache_hits", source: ServerMetrics.prefixHits, labels: model),
        Alias(kind: .counter, name: "vllm:num_preemptions", source: ServerMetrics.preemptions, labels: model),
        Alias(
            kind: .counter, name: "vllm:prompt_tokens", source: ServerMetrics.tokens, only: [MetricLabel("type", "input")], labels: model),
        Alias(
            kind: .counter, name: "vllm:generation_tokens", source: ServerMetrics.tokens, only: [MetricLabel("type", "output")], labels: model),
        Alias(
            kind: .counter, name: "vllm:request_success", source: ServerMetrics.answerCount,
            labels: model.merging(["end": "finished_reason"]) { first, _ in first }),
        Alias(kind: .histogram, name: "vllm:time_to_first_token_seconds", source: ServerMetrics.firstToken, labels: model),
        Alias(kind: .histogram, name: "vllm:time_per_output_token_seconds", source: ServerMetrics.perToken, labels: model),
        Alias(kind: .histogram, name: "vllm:inter_token_latency_seconds", source: ServerMetrics.perToken, labels: model),
        Alias(kind: .histogram, name: "vllm:e2e_request_latency_seconds", source: ServerMetrics.duration, labels: model),
        Alias(kind: .histogram, name: "vllm:request_queue_time_seconds", source: ServerMetrics.queueSeconds, labels: model),
        Alias(
            kind: .histogram, name: "vllm:request_prompt_tokens", source: ServerMetrics.tokenUsage,
            only: [MetricLabel("gen_ai_token_type", "input")], labels: model),
        Alias(
            kind: .histogram, name: "vllm:request_generation_tokens", source: ServerMetrics.tokenUsage,
            only: [MetricLabel("gen_ai_token_type", "output")], labels: model),
        Alias(kind: .counter, name: "vllm:spec_decode_num_draft_tokens", source: ServerMetrics.drafted, labels: model),
        Alias(kind: .counter, name: "vllm:spec_decode_num_accepted_tokens", source: ServerMetrics.accepted, labels: model),
    ]

    private static let llamaCpp: [Alias] = [
        Alias(kind: .counter, name: "llamacpp:prompt_tokens", source: ServerMetrics.tokens, only: [MetricLabel("type", "input")]),
        Alias(kind: .counter, name: "llamacpp:tokens_predicted", source: ServerMetrics.tokens, only: [MetricLabel("type", "output")]),
        Alias(kind: .gauge, name: "llamacpp:requests_processing", source: ServerMetrics.running),
        Alias(kind: .gauge, name: "llamacpp:requests_deferred", source: ServerMetrics.queueLength),
        Alias(kind: .gauge, name: "llamacpp:kv_cache_tokens", source: ServerMetrics.cellsUsed),
        Alias(kind: .gauge, name: "llamacpp:kv_cache_usage_ratio", source: ServerMetrics.cellsUsed, divisor: ServerMetrics.cellsLimit),
    ]
}
