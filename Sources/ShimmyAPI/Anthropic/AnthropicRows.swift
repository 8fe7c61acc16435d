import ShimmyJSON

/// The part of the compatibility matrix about Anthropic's API.
enum AnthropicRows {
    static let endpoints: [EndpointRow] = [messages, countTokens, listModels, retrieveModel] + batches

    static let messages = EndpointRow(
        "POST", "/messages", .supported, shape,
        request: [
            FieldRow("max_tokens", .partial("min 1; a limit above the remaining context is reduced to it"), "limitsAndSampling"),
            FieldRow("stop_sequences", .supported, "test_stop_sequences"),
            FieldRow("stream", .supported, events),
            FieldRow("temperature", .supported, "limitsAndSampling"),
            FieldRow("top_p", .supported, "limitsAndSampling"),
            FieldRow("top_k", .supported, "limitsAndSampling"),
            FieldRow("seed", .partial("Shimmy's own, as in chat completions"), "test_all_dialects_say_the_same"),
            FieldRow("keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"), "limitsAndSampling"),
            FieldRow("metadata", .partial("user_id alone"), counted),
            FieldRow("metadata.user_id", .partial("the server counts usage by it; the answer does not depend on it"), counted),
            // Both words mean the fair share that all requests get.
            FieldRow("service_tier", .ignored(neutral: ["auto", "standard_only"])),
            FieldRow("container", .ignored(neutral: [])),
            FieldRow("inference_geo", .ignored(neutral: [])),
            FieldRow("diagnostics", .ignored(neutral: [])),
        ] + prompt,
        response: response + streamed)

    static let countTokens = EndpointRow(
        "POST", "/messages/count_tokens", .supported, counts, request: prompt, response: [FieldRow("input_tokens", .supported, counts)])

    private static let listModels = EndpointRow(
        "GET", "/models", .partial("in this shape if the header anthropic-version is present"), "test_the_list_of_models",
        request: [
            FieldRow("limit", .supported, "test_the_list_of_models"),
            FieldRow("after_id", .supported, "test_the_list_of_models"),
            FieldRow("before_id", .supported, "test_the_list_of_models"),
            FieldRow("lifecycle", .ignored(neutral: [])),
        ],
        response: model("data[].") + ["has_more", "first_id", "last_id"].map { FieldRow($0, .supported, "modelsAreListedInPages") })

    private static let retrieveModel = EndpointRow(
        "GET", "/models/{model}", .partial("in this shape if the header anthropic-version is present"), "test_the_list_of_models",
        response: model(""))

    private static let batches: [EndpointRow] = [
        ("GET", ""), ("POST", ""), ("GET", "/{message_batch_id}"), ("DELETE", "/{message_batch_id}"), ("POST", "/{message_batch_id}/cancel"),
        ("GET", "/{message_batch_id}/results"),
    ].map { EndpointRow($0, "/messages/batches" + $1, .notSupported) }

    private static let counted = "test_a_request_names_its_user"
    private static let shape = "test_a_message_has_exactly_the_documented_shape"
    private static let events = "test_the_events_of_a_stream"
    private static let counts = "test_counted_tokens_are_those_of_the_message"
    private static let texts = "turnsBecomeMessages"
    private static let tool = "test_a_tool_is_called_and_its_result_comes_back"
    private static let thinking = "test_thinking_comes_back"
    private static let images = "test_messages_take_images"

    // MARK: Requests

    /// The fields that determine the prompt and the form of the answer.
    private static let prompt = messageFields + blocks(block) + resultBlocks + blockFields + systemFields + toolFields + outputFields + others

    private static let block = "messages[].content[]"

    private static let messageFields = [
        FieldRow("model", .partial("also claude-… names, with --claude-model"), "test_names_of_claude"),
        FieldRow("messages", .partial("adjacent messages of one role are one turn"), texts),
        FieldRow("messages[].role", .partial("user, assistant and system"), texts),
        FieldRow(
            "messages[].content",
            .partial("images only for models of upstreams that read them; files are refused; blocks of server tools are ignored and reported"),
            texts),
    ]

    /// The blocks in a tool's result. Their `content` is that of a search result.
    private static let resultBlocks = blocks(block + ".content[]", isResult: true) + textBlocks(block + ".content[].content[]")

    private static let blockFields = [
        FieldRow(block + ".tool_use_id", .supported, tool),
        FieldRow(block + ".is_error", .partial("the result begins with a line 'Error:'"), texts),
        FieldRow(block + ".id", .supported, tool),
        FieldRow(block + ".name", .supported, tool),
        FieldRow(block + ".input", .supported, tool),
        FieldRow(block + ".caller", .ignored(neutral: [["type": "direct"]])),
        FieldRow(block + ".toolset_name", .ignored(neutral: [])),
        FieldRow(block + ".thinking", .partial("passed to templates that support it"), thinking),
        FieldRow(block + ".signature", .partial("any; this server's own contain the text of omitted thinking"), thinking),
        FieldRow(block + ".data", .partial("only this server's own signatures; others are ignored and reported"), "thinkingComesBack"),
    ]

    private static let systemFields =
        [FieldRow("system", .partial("the value of cch in Claude Code's billing header is constant"), "test_claude_code_keeps_its_cache")]
        + textBlocks("system[]") + [cacheMark("cache_control")]

    private static let others = [
        FieldRow("context_management", .ignored(neutral: [])),
        FieldRow("mcp_servers", .ignored(neutral: [[]])),
        FieldRow("speed", .ignored(neutral: ["standard"])),
        FieldRow("thread", .ignored(neutral: [])),
        FieldRow("user_profile_id", .ignored(neutral: [])),
        FieldRow("workspace_id", .ignored(neutral: [])),
    ]

    private static func cacheMark(_ field: String) -> FieldRow {
        FieldRow(field, .partial("every prompt is cached; the mark changes only the names of the token counts in usage"), "cacheMarksAreFound")
    }

    /// The fields of blocks that contain only text.
    private static func textBlocks(_ path: String) -> [FieldRow] {
        [
            FieldRow(path + ".type", .partial("text"), texts), FieldRow(path + ".text", .supported, texts), cacheMark(path + ".cache_control"),
            FieldRow(path + ".citations", .ignored(neutral: [[]])),
        ]
    }

    /// The fields of texts, documents and search results.
    /// - isResult: whether the blocks belong to a tool's result. A text replaces the images that the model does not read.
    private static func blocks(_ path: String, isResult: Bool = false) -> [FieldRow] {
        let seen = isResult ? "test_images_in_outputs_reach_models_that_read_them" : images
        let rows = [
            FieldRow(path + ".source.media_type", .partial("of an image; the type of a document has no effect"), seen),
            FieldRow(path + ".source.url", .partial("of an image"), seen),
        ]
        let replaced = isResult ? "images that the model does not read are replaced by a text and reported; " : ""
        return [
            FieldRow(path + ".type", .partial("all; \(replaced)unknown types are ignored and reported"), texts),
            FieldRow(path + ".text", .supported, texts), cacheMark(path + ".cache_control"),
            FieldRow(path + ".title", .supported, texts), FieldRow(path + ".context", .supported, texts),
            FieldRow(path + ".citations", .ignored(neutral: [[], ["enabled": false]])),
            FieldRow(path + ".source", .partial("of a document text or content; of a search result any text"), texts),
            FieldRow(
                path + ".source.type",
                .partial("text and content, of an image base64 and url; PDFs and files are \(isResult ? "replaced by a text" : "refused")"), texts),
            FieldRow(path + ".source.data", .supported, texts), FieldRow(path + ".source.content", .partial("blocks of text"), texts),
            FieldRow(path + ".content", .partial("blocks of text, in a tool's result also documents and search results"), texts),
        ] + rows + textBlocks(path + ".source.content[]")
    }

    private static let toolFields = [
        FieldRow("tools", .partial("custom tools; Anthropic's own tools are ignored and reported"), "toolsBecomeFunctions"),
        FieldRow("tools[].type", .partial("custom"), "toolsBecomeFunctions"),
        FieldRow("tools[].name", .partial("up to 128 letters, digits, underscores and hyphens"), tool),
        FieldRow("tools[].description", .supported, tool),
        FieldRow("tools[].input_schema", .partial("without strict, a call has no keys that the schema does not mention"), tool),
        FieldRow("tools[].strict", .partial("ignored and reported for schemas with optional properties"), "toolsBecomeFunctions"),
        cacheMark("tools[].cache_control"),
        FieldRow("tools[].allowed_callers", .ignored(neutral: [["direct"]])),
        FieldRow("tools[].defer_loading", .ignored(neutral: [false])),
        // The input of every tool is sent as the model generates it.
        FieldRow("tools[].eager_input_streaming", .ignored(neutral: [true])),
        FieldRow("tools[].input_examples", .ignored(neutral: [[]])),
        FieldRow("tool_choice", .supported, "test_every_choice_of_tools"),
        FieldRow("tool_choice.type", .supported, "test_every_choice_of_tools"),
        FieldRow("tool_choice.name", .supported, "test_every_choice_of_tools"),
        FieldRow("tool_choice.disable_parallel_tool_use", .supported, "test_every_choice_of_tools"),
    ]

    private static let outputFields = [
        FieldRow("thinking", .partial("without it, the model's template decides; reported for models that do not reason"), thinking),
        FieldRow("thinking.type", .partial("enabled, adaptive and disabled"), "thinkingHasALimit"),
        FieldRow("thinking.budget_tokens", .partial("any number, not only 1024 and more"), "thinkingHasALimit"),
        FieldRow("thinking.display", .supported, "test_omitted_thinking_comes_back"),
        FieldRow("output_config", .supported, "test_a_message_fits_its_schema"),
        FieldRow(
            "output_config.effort", .partial("passed to templates that support it; also sets the token budget for thinking"), "thinkingHasALimit"),
        FieldRow("output_config.format", .supported, "test_a_message_fits_its_schema"),
        FieldRow("output_config.format.type", .supported, "test_a_message_fits_its_schema"),
        FieldRow("output_config.format.schema", .partial("a keyword that cannot be enforced is reported"), "test_a_message_fits_its_schema"),
        FieldRow("output_format", .partial("the name of output_config.format in the API's beta"), "formatsBecomeSchemas"),
        FieldRow("output_format.type", .supported, "formatsBecomeSchemas"),
        FieldRow("output_format.schema", .supported, "formatsBecomeSchemas"),
    ]

    // MARK: Responses

    private static let response = [
        FieldRow("id", .supported, shape), FieldRow("type", .supported, shape), FieldRow("role", .supported, shape),
        FieldRow("model", .partial("the model name from the request"), shape),
        FieldRow("content[].type", .partial("text, thinking and tool_use"), shape),
        FieldRow("content[].text", .supported, shape),
        FieldRow("content[].citations", .notSupported),
        FieldRow("content[].thinking", .supported, thinking), FieldRow("content[].signature", .supported, thinking),
        FieldRow("content[].id", .supported, tool), FieldRow("content[].name", .supported, tool), FieldRow("content[].input", .supported, tool),
        FieldRow(
            "stop_reason", .partial("end_turn, max_tokens, stop_sequence, tool_use and model_context_window_exceeded"), "reasonsOfTheEnd"),
        FieldRow("stop_sequence", .supported, "test_stop_sequences"),
        FieldRow("stop_details", .partial("always null: the model refuses only in words"), shape),
        FieldRow("container", .notSupported), FieldRow("context_management", .notSupported),
        FieldRow("usage.input_tokens", .partial("the tokens that were not in the cache"), "test_claude_code_keeps_its_cache"),
        FieldRow("usage.cache_read_input_tokens", .supported, "test_claude_code_keeps_its_cache"),
        FieldRow(
            "usage.cache_creation_input_tokens", .partial("with cache_control in the request: the tokens that were not in the cache"),
            "test_claude_code_keeps_its_cache"),
        FieldRow("usage.cache_creation.ephemeral_5m_input_tokens", .partial("same as cache_creation_input_tokens, for any ttl"), shape),
        FieldRow("usage.cache_creation.ephemeral_1h_input_tokens", .partial("always 0"), shape),
        FieldRow("usage.server_tool_use", .partial("always null: Shimmy runs no tools itself"), shape),
        FieldRow("usage.inference_geo", .partial("always null"), shape),
        FieldRow("usage.output_tokens", .supported, shape),
        FieldRow("usage.output_tokens_details.thinking_tokens", .supported, thinking),
        FieldRow("usage.service_tier", .partial("always standard"), shape),
    ]

    private static let streamed =
        ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"].map {
            FieldRow("(event) \($0)", .supported, events)
        } + [
            FieldRow("(event) ping", .partial("after 15 s without another event"), "anIdleStreamPings"),
            FieldRow("(event) error", .supported, "aStreamThatFailsEndsWithAnError"),
            FieldRow("(delta) text_delta", .supported, events), FieldRow("(delta) input_json_delta", .supported, tool),
            FieldRow("(delta) thinking_delta", .supported, thinking), FieldRow("(delta) signature_delta", .supported, thinking),
            FieldRow("(delta) citations_delta", .notSupported),
        ]

    private static func model(_ path: String) -> [FieldRow] {
        ["id", "type", "created_at", "max_input_tokens", "max_tokens"].map { FieldRow(path + $0, .supported, "test_the_list_of_models") } + [
            FieldRow(path + "display_name", .partial("the model's name"), "test_the_list_of_models"),
            FieldRow(path + "lifecycle", .partial("always active"), "test_the_list_of_models"),
            FieldRow(path + "capabilities", .partial("always null"), "test_the_list_of_models"),
            FieldRow(path + "line", .partial("always null"), "test_the_list_of_models"),
            FieldRow(path + "deprecated_at", .partial("always null"), "test_the_list_of_models"),
            FieldRow(path + "retires_at", .partial("always null"), "test_the_list_of_models"),
        ]
    }
}
