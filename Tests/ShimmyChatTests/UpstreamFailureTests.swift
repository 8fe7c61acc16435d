import ShimmyChat
import Testing

/// What the messages of upstream servers say about limits.
@Suite struct UpstreamFailureTests {
    private func refusal(_ message: String, status: Int = 400, param: String? = nil, code: String? = nil) -> UpstreamFailure {
        UpstreamFailure("box", .refused(status: status, param: param, code: code), message)
    }

    @Test(arguments: [
        ("The maximum context length is 2048 tokens. However, you requested 3000 tokens (2900 in the messages, 100 in the completion).", 3000, 2048),
        ("prompt is too long: 210000 tokens > 200000 maximum", 210_000, 200_000),
        ("the request exceeds the available context size (4096 tokens), try increasing it", 5120, 4096),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 5000, 4096),
        ("it does not fit the context window", 125, 100),
    ])
    func aContextErrorHasSizes(message: String, prompt: Int, context: Int) {
        #expect(refusal(message).contextExceeded(within: 100) == .contextExceeded(prompt: prompt, requested: 0, context: context))
    }

    @Test func otherFailuresAreNot() {
        #expect(refusal("temperature must be at most 2").contextExceeded(within: 100) == nil)
        #expect(refusal("the context length is 5", status: 404).contextExceeded(within: 100) == nil)
        #expect(UpstreamFailure("box", .failed(status: 500), "context length").contextExceeded(within: 100) == nil)
        #expect(refusal("no", code: "context_length_exceeded").isContextExceeded)
        #expect(refusal("no", status: 404).isAbsent && !refusal("no").isAbsent)
    }

    @Test(
        arguments: [
            ("max_tokens is too large: 5000. This model supports at most 4096 completion tokens, whereas you provided 5000.", 5000, 4096),
            ("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens", 100_000, 64_000),
            ("'max_tokens' is too large: 4000. The maximum context length is 2048, your request has 1900 (4000 > 2048 - 1900).", 4000, 148),
            ("The maximum context length is 8192 tokens, but you requested 9000 (8000 in the messages, 1000 in the completion).", 1000, 192),
            ("max_tokens must be positive", 10, nil), ("top_p must be at most 1", 10, nil),
        ] as [(String, Int, Int?)])
    func aLimitIsFoundInTheMessage(message: String, tokens: Int, limit: Int?) {
        #expect(refusal(message).answerLimit(below: tokens) == limit)
    }

    @Test func manyAndLongNumbersAreBounded() {
        let digits = String(repeating: "9", count: 500)
        #expect(refusal("the context length is \(digits)").contextExceeded(within: 100) == .contextExceeded(prompt: 125, requested: 0, context: 100))
        let many = (0..<1000).map { "\($0)" }.joined(separator: " ")
        #expect(refusal("max_tokens \(many)").answerLimit(below: 1000) == 31)
    }
}
