import ShimmyJSON

extension Compatibility {
    package static let createResponse = EndpointRow(
        "POST", "/responses", .supported, shape,
        request: [
            FieldRow("model", .supported, shape),
            FieldRow("instructions", .partial("merged with leading system and developer messages"), "test_instructions_are_not_inherited"),
            FieldRow("previous_response_id", .supported, "test_a_response_goes_on"),
            FieldRow("conversation", .supported, "test_a_conversation_goes_on"),
            FieldRow("conversation.id", .supported, "test_a_conversation_goes_on"),
            FieldRow(
                "store",
                .partial("default: true, or false with --no-store; if storing fails, it is false and `x-shimmy-not-stored` contains the reason"),
                "test_a_directory_that_cannot_be_written_is_told_and_the_rest_goes_on"),
            FieldRow("metadata", .supported, shape),
            FieldRow("max_output_tokens", .partial("min 1; OpenAI's min is 16"), "test_an_incomplete_response_says_why"),
            FieldRow(
                "max_tool_calls", .partial("returned without effect: it limits only hosted tools, which Shimmy does not run"),
                "test_what_is_told_back"),
            FieldRow("temperature", .supported, "test_sampling_of_responses"),
            FieldRow("top_p", .supported, "test_sampling_of_responses"),
            FieldRow("top_logprobs", .supported, "test_logprobs_of_responses"),
            FieldRow(
                "include", .partial("message.output_text.logprobs and reasoning.encrypted_content; OpenAI's other values are ignored and reported"),
                "test_logprobs_of_responses"),
            FieldRow("truncation", .supported, "test_what_does_not_fit"),
            FieldRow("background", .supported, "test_a_background_response_is_polled"),
            FieldRow("stream", .supported, "test_the_events_of_a_message"),
            FieldRow("stream_options", .supported, "test_the_events_of_a_message"),
            FieldRow("stream_options.include_obfuscation", .partial("accepted; events carry no padding"), "test_the_events_of_a_message"),
            FieldRow(
                "service_tier", .partial("flex runs only while no other request has work; all other tiers get the fair share"),
                "test_what_is_told_back"),
            FieldRow("parallel_tool_calls", .supported, "test_parallel_calls_of_responses"),
        ] + itemFields + toolFields + formFields + ownFields + adapterFields + [
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
            endUser("user"),
            endUser("safety_identifier"),
            FieldRow("prompt_cache_key", .ignored(neutral: [])),
            FieldRow("prompt_cache_retention", .ignored(neutral: [])),
            FieldRow("prompt_cache_options", .ignored(neutral: [])),
            FieldRow("context_management", .ignored(neutral: [])),
            FieldRow("background_options", .ignored(neutral: [])),
            FieldRow("access_programs", .ignored(neutral: [])),
            FieldRow("client_metadata", .ignored(neutral: [])),
            FieldRow("moderation", .refused(neutral: [])),
            FieldRow("prompt", .refused(neutral: [])),
            FieldRow("stop", .refused(neutral: [[], ""])),
            FieldRow("n", .refused(neutral: [1])),
        ] + movedFields.map { FieldRow($0, .refused(neutral: [])) } + refusedElsewhere,
        response: responseFields)

    /// The fields of chat completions that have another name in the Responses API.
    private static let movedFields = ["response_format", "max_tokens", "max_completion_tokens", "reasoning_effort"]

    package static let responseSocket = EndpointRow(
        "GET", "/responses",
        .partial(
            "a WebSocket: `response.create` with the fields of `POST /responses` and `generate`, `stream_id` and `previous_response_id`; without "
                + "`background`, `response.steer` and compression"),
        "test_a_response_over_a_websocket",
        response: events + [FieldRow("(event) response.steer.failed", .supported, "test_errors_are_frames_and_the_connection_stays")])

    private static let shape = "test_a_response_has_the_documented_shape"
    private static let items = "test_every_kind_of_item"
    private static let seen = "test_responses_take_images_and_audio"
    private static let seenInOutputs = "test_images_in_outputs_reach_models_that_read_them"

    private static let itemFields =
        [
            FieldRow(
                "input",
                .partial(
                    "a string or items; images and audio only for models of upstreams that read them; files are refused; in a tool's output, "
                        + "content that the model does not read is replaced by a text; empty only over a WebSocket with `generate: false`"), items),
            FieldRow("input[].type", .partial("all; items that a template cannot express, such as web searches, are kept and reported"), items),
            FieldRow("input[].namespace", .supported, "test_namespaces_of_tools"),
            FieldRow("input[].action", .supported, "callsOfShellsAndPatchesAreCalls"),
            FieldRow("input[].operation", .supported, "callsOfShellsAndPatchesAreCalls"),
        ]
        + [
            "role", "content", "content[].text", "content[].refusal", "id", "status", "call_id", "name", "arguments", "output",
            "output[].text", "input", "summary", "summary[].type", "summary[].text",
        ].map { FieldRow("input[].\($0)", .supported, items) } + [
            FieldRow(
                "input[].content[].type", .partial("input_text, input_image, input_audio, output_text, refusal, reasoning_text"), items),
            FieldRow("input[].content[].image_url", .partial(mediaOfUpstreams + "; file_id is a 400"), seen),
            FieldRow("input[].content[].detail", .supported, seen),
            FieldRow("input[].content[].input_audio", .partial(mediaOfUpstreams), seen),
            FieldRow("input[].content[].input_audio.data", .supported, seen),
            FieldRow("input[].content[].input_audio.format", .supported, seen),
            FieldRow(
                "input[].output[].type",
                .partial("input_text and input_image; if the model does not read images, they are replaced by a text and reported"), items),
            FieldRow("input[].output[].image_url", .partial("models of upstreams that read it; a text for others"), seenInOutputs),
            FieldRow("input[].output[].detail", .supported, seenInOutputs),
            FieldRow(
                "input[].encrypted_content", .partial("reasoning and summaries from Shimmy; other values are kept and reported"),
                "test_sealed_thoughts_come_back"),
        ]

    private static let calls = "test_the_events_of_a_call"

    private static let toolFields = [
        FieldRow("tools", .partial("all tools that the client runs; hosted tools are ignored and reported"), calls),
        FieldRow(
            "tools[].type", .partial("function, custom, namespace, local_shell, shell (local), apply_patch and tool_search (client)"),
            "test_hosted_tools_of_responses_are_reported"),
        FieldRow("tools[].tools", .supported, "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].type", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].name", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].description", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].parameters", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].strict", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].tools[].defer_loading", .partial("same as in tools[]"), "test_namespaces_of_tools"),
        FieldRow("tools[].environment", .partial("local only; a shell in a container is ignored and reported"), "test_shells_and_patches"),
        FieldRow("tools[].execution", .partial("client only"), "test_shells_and_patches"),
        FieldRow("tools[].defer_loading", .partial("no effect: the tool is available at once"), "test_namespaces_of_tools"),
        FieldRow("tools[].name", .supported, calls),
        FieldRow("tools[].description", .supported, calls),
        FieldRow("tools[].parameters", toolParameters, calls),
        FieldRow("tools[].strict", .supported, calls),
        FieldRow("tools[].format", .supported, "test_custom_tools_of_responses"),
        FieldRow("tools[].format.type", .supported, "test_custom_tools_of_responses"),
        FieldRow("tools[].format.syntax", .supported, "test_custom_tools_of_responses"),
        FieldRow("tools[].format.definition", .supported, "test_custom_tools_of_responses"),
        FieldRow("tool_choice", .supported, "test_every_tool_choice_of_responses"),
    ]

    private static let formFields = [
        FieldRow("text", .supported, "test_formats_of_responses"),
        FieldRow("text.format", .supported, "test_formats_of_responses"),
        FieldRow("text.format.type", .supported, "test_formats_of_responses"),
        FieldRow("text.format.name", .supported, "test_formats_of_responses"),
        FieldRow("text.format.description", .supported, "test_formats_of_responses"),
        FieldRow("text.format.strict", .supported, "test_formats_of_responses"),
        FieldRow(
            "text.format.schema", .partial("with strict, a keyword that cannot be enforced is a 400; otherwise it is reported"),
            "test_formats_of_responses"),
        FieldRow("text.verbosity", .partial("no effect; returned in the response and reported"), "test_what_is_told_back"),
        FieldRow("reasoning", .supported, "test_the_events_of_a_thought"),
        FieldRow(
            "reasoning.effort", .partial("passed to templates that support it; also sets the token budget for reasoning"),
            "test_the_events_of_a_thought"),
        FieldRow("reasoning.summary", .partial("the reasoning itself, returned as the summary"), "test_the_events_of_a_thought"),
        FieldRow("reasoning.generate_summary", .partial("alias of summary"), "test_the_events_of_a_thought"),
    ]

    /// Shimmy's own fields, with the same meaning as in chat completions.
    private static let ownFields =
        ([
            "seed", "frequency_penalty", "presence_penalty", "logit_bias", "top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
            "min_tokens", "ignore_eos", "grammar", "regex", "choice", "reasoning_budget_tokens", "chat_template_kwargs",
            "chat_template_kwargs.enable_thinking", "max_tokens_over_context",
        ] + ownSamplers.map(\.0)).map {
            FieldRow($0, .partial("not in OpenAI's Responses API; same as in chat completions"), "test_extensions_of_responses")
        }

    private static let responseFields =
        [
            "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "instructions", "model", "output", "metadata",
            "parallel_tool_calls", "previous_response_id", "conversation", "reasoning", "service_tier", "store", "temperature", "text",
            "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage.input_tokens", "usage.input_tokens_details.cached_tokens",
            "usage.output_tokens", "usage.output_tokens_details.reasoning_tokens", "usage.total_tokens", "user", "safety_identifier",
            "prompt_cache_key", "background", "max_output_tokens", "max_tool_calls", "frequency_penalty", "presence_penalty",
        ].map { FieldRow($0, .supported, shape) } + [
            FieldRow("usage.input_tokens_details.cache_write_tokens", .partial("always 0: cache writes cost nothing"), shape),
            FieldRow("output[] (message)", .supported, "test_the_events_of_a_message"),
            FieldRow("output[] (function_call)", .supported, calls),
            FieldRow("output[] (custom_tool_call)", .supported, "test_custom_tools_of_responses"),
            FieldRow("output[] (reasoning)", .supported, "test_the_events_of_a_thought"),
        ] + events

    /// The events of a stream.
    private static let events: [FieldRow] = [
        streamed(
            "test_the_events_of_a_message", "created", "in_progress", "completed", "output_item.added", "output_item.done", "content_part.added",
            "content_part.done", "output_text.delta", "output_text.done"),
        streamed("test_the_events_of_a_cut_message", "incomplete"),
        streamed("test_the_events_of_a_call", "function_call_arguments.delta", "function_call_arguments.done"),
        streamed("test_the_events_of_a_custom_call", "custom_tool_call_input.delta", "custom_tool_call_input.done"),
        streamed(
            "test_the_events_of_a_thought", "reasoning_text.delta", "reasoning_text.done", "reasoning_summary_part.added",
            "reasoning_summary_part.done", "reasoning_summary_text.delta", "reasoning_summary_text.done"),
        streamed(resumed, "queued"), streamed("test_background_work_survives_a_kill", "failed"),
        [FieldRow("(event) error", .supported, "test_background_work_fails_when_the_server_is_told_to_stop")],
    ].flatMap { $0 }

    private static func streamed(_ test: String, _ names: String...) -> [FieldRow] {
        names.map { FieldRow("(event) response.\($0)", .supported, test) }
    }
}

// MARK: Other endpoints for responses

extension Compatibility {
    package static let countInputTokens = EndpointRow(
        "POST", "/responses/input_tokens", .supported, counted,
        request: [
            FieldRow("model", .partial("can be omitted if there is only one model"), counted),
            FieldRow("input", .supported, counted),
            FieldRow("instructions", .supported, counted),
            FieldRow("previous_response_id", .supported, counted),
            FieldRow("conversation", .supported, counted),
            FieldRow("tools", .supported, counted),
            FieldRow("tool_choice", .supported, counted),
            FieldRow("text", .supported, counted),
            FieldRow("reasoning", .supported, counted),
            FieldRow("truncation", .partial("checked only; the count includes all items"), counted),
            FieldRow("parallel_tool_calls", .supported, counted),
            FieldRow("chat_template_kwargs", .partial("not in OpenAI's Responses API; same as in chat completions"), counted),
            FieldRow("reasoning_budget_tokens", .partial("not in OpenAI's Responses API; accepted without effect"), counted),
            FieldRow("personality", .ignored(neutral: [])),
        ],
        response: ["object", "input_tokens"].map { FieldRow($0, .supported, counted) })

    package static let compact = EndpointRow(
        "POST", "/responses/compact", .supported, compacted,
        request: [
            FieldRow("model", .supported, compacted),
            FieldRow("input", .supported, compacted),
            FieldRow("instructions", .supported, compacted),
            FieldRow("previous_response_id", .supported, compacted),
            FieldRow("service_tier", .partial("same as in POST /v1/responses"), compacted),
            FieldRow("prompt_cache_key", .ignored(neutral: [])),
            FieldRow("prompt_cache_retention", .ignored(neutral: [])),
            FieldRow("prompt_cache_options", .ignored(neutral: [])),
        ],
        response: ["id", "object", "created_at", "usage"].map { FieldRow($0, .supported, compacted) } + [
            FieldRow("output", .partial("one compaction item with the model's summary in encrypted_content"), compacted)
        ])

    static let storedResponses = [
        EndpointRow(
            "GET", "/responses/{response_id}", .supported, "test_a_response_can_be_retrieved_and_deleted",
            request: ["stream", "starting_after"].map { FieldRow($0, .supported, resumed) } + [
                FieldRow("include_obfuscation", .partial("accepted; events carry no padding"), resumed)
            ],
            response: events),
        EndpointRow("DELETE", "/responses/{response_id}", .supported, "test_a_response_can_be_retrieved_and_deleted"),
        EndpointRow("POST", "/responses/{response_id}/cancel", .supported, "test_a_background_response_is_cancelled"),
        EndpointRow(
            "GET", "/responses/{response_id}/input_items", .supported, "test_input_items_are_listed",
            request: ["order", "limit", "after", "include"].map { FieldRow($0, .supported, "test_input_items_are_listed") }),
    ]

    private static let resumed = "test_a_background_stream_is_resumed_without_loss"
    private static let counted = "test_input_tokens_are_counted"
    private static let compacted = "test_a_conversation_is_compacted"
}
