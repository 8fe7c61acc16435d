import ShimmyJSON

extension Compatibility {
    package static let completions = EndpointRow(
        "POST", "/completions", .supported, shape,
        request: [
            FieldRow("model", .supported, shape),
            FieldRow("prompt", .supported, "test_every_form_of_prompt"),
            FieldRow("max_tokens", .supported, "test_limits_and_stops"),
            FieldRow("n", .supported, "test_every_form_of_prompt"),
            FieldRow("best_of", .supported, "test_the_best_of_several"),
            FieldRow("echo", .partial("not together with suffix"), "test_echo"),
            FieldRow("logprobs", .supported, "test_legacy_logprobs"),
            FieldRow("suffix", .partial("a 400 for models that were not trained to fill in the middle"), "test_what_completions_do_not_do"),
            FieldRow("stop", .supported, "test_limits_and_stops"),
            FieldRow("stream", .supported, "test_streamed_completions"),
            FieldRow("stream_options", .supported, "test_streamed_completions"),
            FieldRow("stream_options.include_usage", .supported, "test_streamed_completions"),
            FieldRow("stream_options.include_obfuscation", .partial("accepted; chunks carry no padding"), "test_streamed_completions"),
            FieldRow("temperature", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow("top_p", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow("seed", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow("frequency_penalty", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow("presence_penalty", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow("logit_bias", .supported, "test_completions_are_drawn_as_asked"),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
            endUser("user"),
        ]
            + (["top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "min_tokens", "ignore_eos"] + ownSamplers.map(\.0)).map {
                FieldRow($0, .partial("Shimmy's own, same as in chat completions"), "test_completions_are_drawn_as_asked")
            } + adapterFields + refusedElsewhere + ["grammar", "regex", "choice"].map { FieldRow($0, .refused(neutral: [])) }
            + [FieldRow("response_format", .refused(neutral: [["type": "text"]]))],
        response: ["id", "object", "created", "model", "system_fingerprint", "choices[].text", "choices[].index", "choices[].finish_reason", "usage"]
            .map { FieldRow($0, .supported, shape) } + [FieldRow("choices[].logprobs", .supported, "test_legacy_logprobs")])

    private static let shape = "test_a_completion_has_the_documented_shape"
}
