package import ShimmyJSON

/// The encoder of a page of usage, in OpenAI's format: a bucket for each day, with a result for each group.
package struct UsageEncoder: Sendable {
    package enum Report: String, Sendable {
        case completions, embeddings
    }

    package struct Result: Sendable {
        let day: Int
        let groups: [(UsageRequest.Group, String)]
        let requests: Int
        let errors: Int
        let inputTokens: Int
        let cachedTokens: Int
        let outputTokens: Int
        let reasoningTokens: Int
        let milliseconds: Int

        /// - day: the days since 1970.
        /// - groups: the value of each property by which the results are grouped.
        package init(
            day: Int, groups: [(UsageRequest.Group, String)], requests: Int, errors: Int, inputTokens: Int, cachedTokens: Int, outputTokens: Int,
            reasoningTokens: Int, milliseconds: Int
        ) {
            self.day = day
            self.groups = groups
            self.requests = requests
            self.errors = errors
            self.inputTokens = inputTokens
            self.cachedTokens = cachedTokens
            self.outputTokens = outputTokens
            self.reasoningTokens = reasoningTokens
            self.milliseconds = milliseconds
        }
    }

    private let report: Report
    private let request: UsageRequest

    package init(report: Report, request: UsageRequest) {
        self.report = report
        self.request = request
    }

    /// - results: the results of all days of the page.
    package func json(_ results: [Result]) -> JSON {
        let byDay = Dictionary(grouping: results, by: \.day)
        let buckets = request.days.map { day -> JSON in
            [
                "object": "bucket", "start_time": .int(UsageRequest.start(ofDay: day)), "end_time": .int(UsageRequest.start(ofDay: day + 1)),
                "results": .array((byDay[day] ?? []).map(json)),
            ]
        }
        return [
            "object": "page", "data": .array(buckets), "has_more": .bool(request.hasMore), "next_page": request.nextPage.map(JSON.string) ?? .null,
        ]
    }

    private func json(_ result: Result) -> JSON {
        var object: JSONObject = [
            "object": .string("organization.usage.\(report.rawValue).result"), "input_tokens": .int(result.inputTokens),
            "num_model_requests": .int(result.requests), "project_id": .null,
        ]
        for group in UsageRequest.Group.allCases {
            let value = result.groups.first { $0.0 == group }?.1
            // A request may have named no user.
            object[group.rawValue] = value.flatMap { $0.isEmpty ? nil : $0 }.map(JSON.string) ?? .null
        }
        var own: JSONObject = ["errors": .int(result.errors), "compute_seconds": .double(Double(result.milliseconds) / 1000)]
        if report == .completions {
            object["output_tokens"] = .int(result.outputTokens)
            object["input_cached_tokens"] = .int(result.cachedTokens)
            object["input_audio_tokens"] = 0
            object["output_audio_tokens"] = 0
            object["batch"] = JSON.null
            object["service_tier"] = JSON.null
            own["reasoning_tokens"] = .int(result.reasoningTokens)
        }
        object["shimmy"] = .object(own)
        return .object(object)
    }
}
