import ShimmyJSON

extension Compatibility {
    /// The support of parts with images or audio.
    static let mediaOfUpstreams = "models of upstreams that read it; a 400 for others"
    static let images = "test_chat_completions_take_images_and_audio"

    package static let chatCompletions = EndpointRow(
        "POST", "/chat/completions", .supported, "test_whole_answer_has_exactly_the_documented_shape",
        request: [
            FieldRow("model", .supported, "test_unknown_model_is_404"),
            FieldRow("messages", .supported, "test_every_role_is_accepted"),
            FieldRow("messages[].role", .supported, "test_every_role_is_accepted"),
            FieldRow(
                "messages[].content",
                .partial(
                    "string, null where OpenAI allows it, and parts; images and audio only for models of upstreams that read them; files are refused; "
                        + "in a tool's output, all that the model does not read is replaced by a text and reported"), "test_content_forms"),
            FieldRow(
                "messages[].content[].type",
                .partial(
                    "text, refusal, image_url and input_audio; input_text and output_text as text; in assistant messages also thinking and "
                        + "reasoning; other parts of a tool's output are replaced by a text and reported"), "test_content_forms"),
            FieldRow("messages[].content[].image_url", .partial(mediaOfUpstreams), images),
            FieldRow(
                "messages[].content[].image_url.url", .partial("a data URL in base64, or a web address that the upstream fetches"), images),
            FieldRow("messages[].content[].image_url.detail", .supported, images),
            FieldRow("messages[].content[].input_audio", .partial(mediaOfUpstreams), images),
            FieldRow("messages[].content[].input_audio.data", .supported, images),
            FieldRow("messages[].content[].input_audio.format", .supported, images),
            FieldRow("messages[].content[].text", .supported, "test_content_forms"),
            FieldRow("messages[].content[].refusal", .supported, "decodesEveryFormOfContent"),
            FieldRow(
                "messages[].content[].thinking", .partial("Anthropic's and Mistral's part, as reasoning_content of the message"),
                "reasoningMayBeAPart"),
            FieldRow("messages[].content[].thinking[].type", .partial("text, in Mistral's form"), "reasoningMayBeAPart"),
            FieldRow("messages[].content[].thinking[].text", .supported, "reasoningMayBeAPart"),
            FieldRow(
                "messages[].content[].reasoning", .partial("of a part reasoning, if it has no text; as reasoning_content of the message"),
                "reasoningMayBeAPart"),
            FieldRow("messages[].content[].annotations", .ignored(neutral: [[]])),
            FieldRow("messages[].content[].logprobs", .ignored(neutral: [[]])),
            FieldRow(
                "messages[].name", .partial("passed to templates that support it; otherwise reported"), "test_names_that_a_template_leaves_out"),
            FieldRow("messages[].tool_call_id", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].annotations", .ignored(neutral: [[]])),
            FieldRow("messages[].refusal", .ignored(neutral: [])),
            FieldRow("messages[].tool_calls", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].tool_calls[].type", .ignored(neutral: ["function", "custom"])),
            FieldRow("messages[].tool_calls[].id", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].tool_calls[].function", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].tool_calls[].function.name", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].tool_calls[].function.arguments", .supported, "test_history_with_tool_calls"),
            FieldRow("messages[].tool_calls[].custom", .supported, "decodesCallsOfCustomTools"),
            FieldRow("messages[].tool_calls[].custom.name", .supported, "decodesCallsOfCustomTools"),
            FieldRow("messages[].tool_calls[].custom.input", .supported, "decodesCallsOfCustomTools"),
            FieldRow("messages[].function_call", .supported, "decodesDeprecatedFunctionCalls"),
            FieldRow("messages[].function_call.name", .supported, "decodesDeprecatedFunctionCalls"),
            FieldRow("messages[].function_call.arguments", .supported, "decodesDeprecatedFunctionCalls"),
            FieldRow("messages[].reasoning_content", .partial("passed to templates that support it"), "decodesEveryFormOfContent"),
            FieldRow("messages[].reasoning", .partial("alias of reasoning_content"), "decodesEveryFormOfContent"),
            FieldRow("max_tokens", .partial("also -1, as in LM Studio and llama-server: no limit"), "test_max_tokens_limits_the_answer"),
            FieldRow("max_completion_tokens", .supported, "test_max_completion_tokens_wins"),
            FieldRow("temperature", .supported, "test_temperature_zero_is_repeatable"),
            FieldRow("top_p", .supported, "test_top_p_narrows_the_choice"),
            FieldRow("seed", .supported, "test_same_seed_same_text"),
            FieldRow("stop", .supported, "test_stop_cuts_before_the_first_occurrence"),
            FieldRow("stream", .supported, "test_chunks_in_order"),
            FieldRow("stream_options", .supported, "test_include_usage"),
            FieldRow("stream_options.include_usage", .supported, "test_include_usage"),
            FieldRow("stream_options.include_obfuscation", .partial("accepted; chunks carry no padding"), "test_include_obfuscation_is_accepted"),
            FieldRow("n", .supported, "test_n_choices_share_one_prefill"),
            FieldRow("prediction", .supported, "test_a_prediction_saves_time_and_changes_nothing"),
            FieldRow("prediction.type", .supported, "test_a_prediction_saves_time_and_changes_nothing"),
            FieldRow("prediction.content", .supported, "test_a_prediction_saves_time_and_changes_nothing"),
            FieldRow("prediction.content[].type", .partial("text and refusal"), "decodesEveryFormOfPrediction"),
            FieldRow("prediction.content[].text", .supported, "decodesEveryFormOfPrediction"),
            FieldRow("prediction.content[].refusal", .supported, "decodesEveryFormOfPrediction"),
            FieldRow(
                "service_tier", .partial("flex runs only while no other request has work; all other tiers get the fair share"),
                "test_flexible_work_waits_for_others"),
            FieldRow("store", .supported, "test_a_stored_completion_is_found_again"),
            FieldRow("metadata", .supported, "test_limits_of_metadata"),
        ] + samplingFields + toolFields + formatFields + adapterFields + [
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
            FieldRow("modalities", .refused(neutral: [["text"]])),
            FieldRow("audio", .refused(neutral: [])),
            FieldRow("web_search_options", .refused(neutral: [])),
            FieldRow("moderation", .refused(neutral: [])),
            FieldRow("verbosity", .ignored(neutral: ["medium"])),
            endUser("user"),
            endUser("safety_identifier"),
            FieldRow("prompt_cache_key", .ignored(neutral: [])),
            FieldRow("prompt_cache_retention", .ignored(neutral: [])),
            FieldRow("prompt_cache_options", .ignored(neutral: [])),
            FieldRow("access_programs", .ignored(neutral: [])),
            FieldRow("client_metadata", .ignored(neutral: [])),
        ] + vLLMsFields + refusedOfVLLM + [FieldRow("chat_template", .refused(neutral: [""]))],
        response: chatResponse + chatChunk)

    private static let samplingFields =
        [
            FieldRow("logprobs", .partial("for the content only, not for reasoning and calls"), "test_logprobs_have_the_documented_shape"),
            FieldRow("top_logprobs", .supported, "test_logprobs_have_the_documented_shape"),
            FieldRow("logit_bias", .supported, "test_bias_bans_and_forces"),
            FieldRow("frequency_penalty", .supported, "test_penalties_change_the_words"),
            FieldRow("presence_penalty", .supported, "test_penalties_change_the_words"),
            FieldRow("top_k", .partial("Shimmy's own: number of most likely tokens to keep; 0 or -1 for all"), "test_extensions_of_sampling"),
            FieldRow(
                "min_p", .partial("Shimmy's own: min probability of a token, as a fraction of the most likely token's"),
                "test_extensions_of_sampling"),
            FieldRow("typical_p", .partial("Shimmy's own: locally typical sampling"), "test_extensions_of_sampling"),
            FieldRow(
                "repeat_penalty", .partial("Shimmy's own, as in llama.cpp: penalty for repeated tokens of prompt and answer"),
                "test_extensions_of_sampling"),
            FieldRow("repeat_last_n", .partial("Shimmy's own: number of last tokens that repeat_penalty covers"), "test_extensions_of_sampling"),
        ] + ownSamplers.map { FieldRow($0, .partial($1), "test_llama_cpps_other_samplers") } + [
            FieldRow("min_tokens", .partial("Shimmy's own: min number of tokens in the answer"), "test_an_answer_can_be_kept_from_its_end"),
            FieldRow("ignore_eos", .partial("Shimmy's own: bans the EOG tokens"), "test_an_answer_can_be_kept_from_its_end"),
        ]

    /// The names that vLLM, llama-server and the servers of Qwen's makers have for fields that Shimmy supports.
    private static let vLLMsFields =
        [FieldRow("repetition_penalty", .partial("vLLM's name for repeat_penalty; covers the whole prompt and answer"), "test_vllms_penalty")]
        + [
            ("guided_json", "vLLM's field: a JSON schema for the answer"), ("guided_regex", "vLLM's name for regex"),
            ("guided_choice", "vLLM's name for choice"), ("guided_grammar", "vLLM's name for grammar"),
            ("structured_outputs", "vLLM's field: json, json_object, regex, choice or grammar"),
        ].map { FieldRow($0, .partial($1), "test_vllms_names") }
        + ["json", "json_object", "regex", "choice", "grammar"].map {
            FieldRow("structured_outputs.\($0)", .partial("see structured_outputs"), "test_vllms_names")
        }
        + [
            FieldRow(
                "add_generation_prompt", .partial("vLLM's field: false only together with continue_final_message"), "theirNeutralValuesAreAccepted"),
            FieldRow("json_schema", .partial("llama-server's field: a JSON schema for the answer"), "test_vllms_names"),
            FieldRow(
                "enable_thinking", .partial("Qwen's name for chat_template_kwargs.enable_thinking, which wins over it"),
                "test_thinking_can_be_turned_off"),
            FieldRow("reasoning", .partial("OpenRouter's field: only effort"), "test_other_names_of_the_effort"),
            FieldRow("reasoning.effort", .partial("OpenRouter's name for reasoning_effort"), "test_other_names_of_the_effort"),
            FieldRow(
                "think", .partial("Ollama's field: true and false are enable_thinking, a string is reasoning_effort"),
                "test_other_names_of_the_effort"),
            FieldRow("thinking", .partial("DeepSeek's and GLM's field: only type and budget_tokens"), "test_other_names_of_the_effort"),
            FieldRow(
                "thinking.budget_tokens", .partial("Anthropic's name for reasoning_budget_tokens; without effect if type is disabled"),
                "test_other_names_of_the_budget"),
            FieldRow("thinking_budget", .partial("Qwen's name for reasoning_budget_tokens"), "test_other_names_of_the_budget"),
            FieldRow("thinking_budget_tokens", .partial("llama-server's name for reasoning_budget_tokens"), "test_other_names_of_the_budget"),
            FieldRow(
                "thinking.type", .partial("enabled is enable_thinking: true, disabled is reasoning_effort: none, adaptive and auto change nothing"),
                "test_other_names_of_the_effort"),
            FieldRow("structured_outputs.structural_tag", .refused(neutral: [])),
        ]

    /// vLLM's fields that would change the answer and that Shimmy does not support.
    static let refusedOfVLLM = [
        FieldRow("stop_token_ids", .refused(neutral: [[]])),
        FieldRow("include_stop_str_in_output", .refused(neutral: [false])),
        FieldRow("skip_special_tokens", .refused(neutral: [true])),
        FieldRow("truncate_prompt_tokens", .refused(neutral: [])),
        FieldRow("bad_words", .refused(neutral: [[]])),
        FieldRow("allowed_token_ids", .refused(neutral: [])),
        FieldRow("use_beam_search", .refused(neutral: [false])),
    ]

    /// The reasons for refusing fields, for their errors.
    package static let refusalReasons = [
        "bad_words": "Different tokens can make the same text. To ban single tokens, set them to -100 in 'logit_bias'.",
        "allowed_token_ids": "To restrict the answer's text, use 'grammar', 'regex' or 'choice'.",
        "chat_template": "The template belongs to the model; the server's administrator sets it with --chat-template-file. Arguments for it go into "
            + "'chat_template_kwargs'.",
    ]

    /// The fields of vLLM that Shimmy refuses in all requests but chat completions.
    static let refusedElsewhere =
        refusedOfVLLM
        + ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "json_schema"].map {
            FieldRow($0, .refused(neutral: []))
        }
        + [FieldRow("repetition_penalty", .refused(neutral: [1]))]

    /// The fields of chat and legacy completions that select LoRA adapters.
    static let adapterFields = [
        FieldRow("lora", .partial("Shimmy's own: LoRA adapters for the request; default: the model's configured adapters"), lora),
        FieldRow("lora[].name", .partial("Shimmy's own: name of an adapter in GET /lora-adapters"), lora),
        FieldRow("lora[].id", .partial("Shimmy's own, as in llama-server: id of an adapter in GET /lora-adapters"), lora),
        FieldRow("lora[].scale", .partial("Shimmy's own: -10 to 10; default: 1"), lora),
    ]

    private static let lora = "test_an_adapter_is_what_merging_would_be"

    /// llama.cpp's samplers: their names in llama-server, and a description of each.
    static let ownSamplers: [(String, String)] = [
        ("dry_multiplier", "Shimmy's own: strength of the DRY repetition penalty; 0 disables it"),
        ("dry_base", "Shimmy's own: growth factor of the DRY penalty for each repeated token"),
        ("dry_allowed_length", "Shimmy's own: max length of a repetition without the DRY penalty, in tokens"),
        ("dry_penalty_last_n", "Shimmy's own: number of last tokens in which DRY finds repetitions; -1 for all"),
        ("dry_sequence_breakers", "Shimmy's own: strings that interrupt a repetition for DRY"),
        ("xtc_probability", "Shimmy's own: probability that XTC removes the most likely tokens"),
        ("xtc_threshold", "Shimmy's own: min probability of the tokens that XTC removes"),
        ("mirostat", "Shimmy's own: Mirostat version 1 or 2; 0 disables it"),
        ("mirostat_tau", "Shimmy's own: target surprise of Mirostat, in bits per token"),
        ("mirostat_eta", "Shimmy's own: learning rate of Mirostat"),
    ]

    /// The support of the schema of a function's arguments.
    static let toolParameters = Support.partial(
        "with strict, a keyword that cannot be enforced is a 400; without it, the keyword is reported, and a call has no keys that the schema does "
            + "not mention")

    private static let toolFields = [
        FieldRow("tools", .partial("functions and custom tools; hosted tools are ignored and reported"), calls),
        FieldRow("tools[].type", .partial("function and custom"), "test_hosted_tools_are_reported"),
        FieldRow("tools[].function", .supported, calls),
        FieldRow("tools[].function.name", .supported, calls),
        FieldRow("tools[].function.description", .supported, calls),
        FieldRow("tools[].function.parameters", toolParameters, "test_a_call_has_no_invented_keys"),
        FieldRow("tools[].function.strict", .supported, "test_arguments_fit_the_schema"),
        FieldRow("tools[].custom", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.name", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.description", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.format", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.format.type", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.format.grammar", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.format.grammar.syntax", .supported, "test_custom_tools"),
        FieldRow("tools[].custom.format.grammar.definition", .supported, "test_custom_tools"),
        FieldRow("tool_choice", .partial("all; also any, Mistral's name for required"), "test_every_tool_choice"),
        FieldRow("parallel_tool_calls", .supported, "test_parallel_calls"),
        FieldRow("functions", .supported, "test_deprecated_functions"),
        FieldRow("functions[].name", .supported, "test_deprecated_functions"),
        FieldRow("functions[].description", .supported, "test_deprecated_functions"),
        FieldRow("functions[].parameters", .supported, "test_deprecated_functions"),
        FieldRow("functions[].strict", .supported, "test_deprecated_functions"),
        FieldRow("function_call", .supported, "test_deprecated_functions"),
    ]

    private static let formatFields = [
        FieldRow("response_format", .supported, "test_response_formats"),
        FieldRow("response_format.type", .supported, "test_response_formats"),
        FieldRow(
            "response_format.schema", .partial("Shimmy's own, as in llama-server: a schema without the json_schema wrapper"),
            "test_schemas_without_a_wrapper"),
        FieldRow("response_format.json_schema", .supported, "test_response_formats"),
        FieldRow("response_format.json_schema.name", .supported, "test_response_formats"),
        FieldRow("response_format.json_schema.description", .supported, "test_response_formats"),
        FieldRow("response_format.json_schema.strict", .supported, "test_strict_schemas_keep_the_rules"),
        FieldRow(
            "response_format.json_schema.schema", .partial("with strict, a keyword that cannot be enforced is a 400; otherwise it is reported"),
            "test_response_formats"),
        FieldRow("grammar", .partial("Shimmy's own: a grammar for the answer, in llama.cpp's notation (GBNF)"), "test_grammars_and_choices"),
        FieldRow("regex", .partial("Shimmy's own: a regular expression for the whole answer"), "test_grammars_and_choices"),
        FieldRow("choice", .partial("Shimmy's own: the answer is one of these texts"), "test_grammars_and_choices"),
        FieldRow(
            "reasoning_effort", .partial("passed to templates that support it; also sets the token budget for reasoning"), "test_effort_is_a_budget"),
        FieldRow(
            "reasoning_budget_tokens", .partial("Shimmy's own: max number of reasoning tokens; -1 for unlimited"), "test_a_budget_ends_the_thinking"),
        FieldRow(
            "reasoning_field", .partial("Shimmy's own: reasoning_content, reasoning or both"), "test_the_field_of_reasoning_can_be_chosen"),
        FieldRow("chat_template_kwargs", .partial("Shimmy's own: arguments for the template"), "test_template_arguments"),
        FieldRow(
            "chat_template_kwargs.enable_thinking", .partial("Shimmy's own: reasoning on or off"), "test_thinking_can_be_turned_off"),
        FieldRow(
            "max_tokens_over_context", .partial("Shimmy's own: refuse or clamp a token limit that exceeds the remaining context"),
            "test_a_limit_beyond_the_context_can_be_cut"),
        FieldRow("continue_final_message", .partial("Shimmy's own: whether the answer continues the last message"), "test_the_last_message_goes_on"),
    ]

    private static let calls = "test_a_call_has_exactly_the_documented_shape"
    private static let shape = "test_whole_answer_has_exactly_the_documented_shape"
    private static let chunks = "test_chunks_in_order"

    private static let chatResponse = [
        FieldRow("id", .supported, shape),
        FieldRow("object", .supported, shape),
        FieldRow("created", .supported, shape),
        FieldRow("model", .partial("the model name from the request"), shape),
        FieldRow("choices[].index", .supported, shape),
        FieldRow("choices[].message.role", .supported, shape),
        FieldRow("choices[].message.content", .supported, shape),
        FieldRow("choices[].message.refusal", .partial("always null"), shape),
        FieldRow("choices[].message.annotations", .partial("always empty"), shape),
        FieldRow("choices[].message.tool_calls", .supported, calls),
        FieldRow("choices[].message.function_call", .supported, "test_deprecated_functions"),
        FieldRow("choices[].message.reasoning_content", .partial("Shimmy's own: the model's reasoning"), "test_reasoning_is_told_apart"),
        FieldRow("choices[].message.audio", .notSupported),
        FieldRow("choices[].logprobs", .supported, "test_logprobs_have_the_documented_shape"),
        FieldRow(
            "choices[].finish_reason", .partial("stop, length, tool_calls (also for a named tool, where OpenAI returns stop) and function_call"),
            calls),
        FieldRow("usage.prompt_tokens", .supported, shape),
        FieldRow("usage.completion_tokens", .supported, shape),
        FieldRow("usage.total_tokens", .supported, shape),
        FieldRow("usage.prompt_tokens_details.cached_tokens", .supported, "test_cached_tokens_tell_of_a_reused_prefix"),
        FieldRow("usage.prompt_tokens_details.audio_tokens", .partial("always 0"), shape),
        FieldRow("usage.completion_tokens_details.reasoning_tokens", .supported, "test_reasoning_is_told_apart"),
        FieldRow("usage.completion_tokens_details.audio_tokens", .partial("always 0"), shape),
        FieldRow("usage.completion_tokens_details.accepted_prediction_tokens", .supported, "test_a_prediction_saves_time_and_changes_nothing"),
        FieldRow("usage.completion_tokens_details.rejected_prediction_tokens", .supported, "test_a_prediction_saves_time_and_changes_nothing"),
        FieldRow("service_tier", .partial("default or flex"), "test_flexible_work_waits_for_others"),
        FieldRow("system_fingerprint", .supported, shape),
        FieldRow("metadata", .partial("only when a stored completion is retrieved"), "test_a_stored_completion_is_found_again"),
        FieldRow("moderation", .notSupported),
    ]

    private static let chatChunk = [
        FieldRow("(chunk) object", .supported, chunks),
        FieldRow("(chunk) choices[].delta.role", .supported, chunks),
        FieldRow("(chunk) choices[].delta.content", .supported, chunks),
        FieldRow("(chunk) choices[].delta.tool_calls", .supported, "test_streamed_calls"),
        FieldRow("(chunk) choices[].delta.function_call", .supported, "test_deprecated_functions"),
        FieldRow("(chunk) choices[].delta.reasoning_content", .partial("Shimmy's own"), "test_streamed_reasoning"),
        FieldRow("(chunk) choices[].delta.refusal", .partial("null in the first chunk"), chunks),
        FieldRow("(chunk) choices[].logprobs", .supported, "test_streamed_logprobs_belong_to_their_text"),
        FieldRow("(chunk) choices[].finish_reason", .supported, chunks),
        FieldRow("(chunk) usage", .supported, "test_include_usage"),
        FieldRow("(chunk) obfuscation", .notSupported),
    ]
}
