import ShimmyJSON

/// The encoder of `timings`: how many tokens an answer took, and how long.
enum LlamaServerTimings {
    /// - cached: the number of prompt tokens that were cached.
    /// - computed: the number of prompt tokens that were computed.
    /// - generated: the number of tokens of the answer.
    static func json(
        _ moments: AnswerMoments, until end: ContinuousClock.Instant = .now, cached: Int, computed: Int, generated: Int
    ) -> JSON {
        var timings: JSONObject = ["cache_n": .int(cached)]
        add("prompt", computed, moments.prompt(until: end), to: &timings)
        add("predicted", generated, moments.answer(until: end), to: &timings)
        return .object(timings)
    }

    private static func add(_ name: String, _ tokens: Int, _ duration: Duration, to timings: inout JSONObject) {
        let milliseconds = max(0, duration / .milliseconds(1))
        timings["\(name)_n"] = .int(tokens)
        timings["\(name)_ms"] = .double(milliseconds)
        timings["\(name)_per_token_ms"] = .double(tokens > 0 ? milliseconds / Double(tokens) : 0)
        timings["\(name)_per_second"] = .double(milliseconds > 0 ? Double(tokens) * 1000 / milliseconds : 0)
    }
}
