import ShimmyCore
import ShimmyJSON

/// The rows of the routes that use a model.
extension OllamaRows {
    static let answers = [chat, generate, embed, embeddings]

    /// The support of images.
    private static let images = "PNG, JPEG, GIF, WebP and BMP, for models of upstreams that read images; a 400 for others"
    private static let seen = "test_ollamas_chats_take_images"

    static let chat = EndpointRow(
        "POST", "/api/chat", .supported, wholeChat,
        request: [
            FieldRow("messages", .partial("without messages, the request only loads the model"), wholeChat),
            FieldRow("messages[].role", .supported, wholeChat),
            FieldRow("messages[].content", .supported, wholeChat),
            FieldRow("messages[].thinking", .partial("passed to templates that support it"), "test_thoughts_are_sent_back"),
            FieldRow("messages[].images", .partial(images), seen),
            FieldRow("messages[].tool_calls", .supported, results),
            FieldRow("messages[].tool_calls[].id", .supported, results),
            FieldRow("messages[].tool_calls[].type", .ignored(neutral: ["function"])),
            FieldRow("messages[].tool_calls[].function", .supported, results),
            FieldRow("messages[].tool_calls[].function.index", .partial("only checked: the calls are in the order of the array"), results),
            FieldRow("messages[].tool_calls[].function.name", .supported, results),
            FieldRow("messages[].tool_calls[].function.arguments", .partial("an object, or its text"), results),
            FieldRow("messages[].tool_name", .partial("finds the call of a result without tool_call_id"), results),
            FieldRow("messages[].tool_call_id", .supported, results),
            FieldRow("tools", .partial("functions; other tools are ignored and reported"), tools),
            FieldRow("tools[].type", .partial("default: function"), tools),
            FieldRow("tools[].function", .supported, tools),
            FieldRow(
                "tools[].function.name",
                .partial("any; the model sees an underscore for each character that is not a letter, digit, underscore or hyphen"), tools),
            FieldRow("tools[].function.description", .supported, tools),
            FieldRow(
                "tools[].function.parameters",
                .partial("enforced by a grammar, without keys that the schema does not mention; a keyword that cannot be enforced is reported"),
                tools),
            FieldRow(
                "truncate",
                .partial("drops the oldest messages of a conversation that does not fit, and reports their number in x-shimmy-dropped-items"),
                "test_old_messages_are_dropped"),
        ] + common + generation,
        response: [
            FieldRow("message.role", .supported, wholeChat),
            FieldRow("message.content", .supported, wholeChat),
            FieldRow("message.thinking", .supported, thinking),
            FieldRow("message.tool_calls", .partial("whole calls, also in a stream; a call that a token limit cut off is omitted"), tools),
        ] + answer)

    static let generate = EndpointRow(
        "POST", "/api/generate", .supported, generated,
        request: [
            FieldRow("prompt", .partial("without a prompt, the request only loads the model"), generated),
            FieldRow("system", .supported, generated),
            FieldRow("suffix", .partial("a 400 for models that were not trained to fill in the middle; without format, think and system"), raw),
            FieldRow("raw", .partial("without format, think, suffix and template"), raw),
            FieldRow("context", .partial("not together with raw, suffix or template"), context),
            FieldRow(
                "template",
                .partial("in Ollama's language, with .System, .Prompt, .Response and .Suffix; without format, think and context"),
                "test_a_template_of_a_request"),
            FieldRow("images", .partial(images + "; not together with raw, suffix or template"), seen),
            FieldRow("truncate", .ignored(neutral: [false])),
            FieldRow("width", .ignored(neutral: [])),
            FieldRow("height", .ignored(neutral: [])),
            FieldRow("steps", .ignored(neutral: [])),
        ] + common + generation,
        response: [
            FieldRow("response", .supported, generated),
            FieldRow("thinking", .supported, thinking),
            FieldRow("context", .partial("the tokens of prompt and answer; absent with raw, suffix or template"), context),
        ] + answer)

    static let embed = EndpointRow(
        "POST", "/api/embed", .supported, embedded,
        request: [
            FieldRow("input", .partial("up to 2048 texts; without a text, the request only loads the model"), embedded),
            FieldRow("truncate", .supported, "test_long_texts_are_cut"),
            FieldRow("dimensions", .partial("more than the model has is a 400"), embedded),
        ] + common + withoutOptions,
        response: ["model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"].map { FieldRow($0, .supported, embedded) })

    static let embeddings = EndpointRow(
        "POST", "/api/embeddings", .partial("the vector has length 1"), older,
        request: [FieldRow("prompt", .partial("without a prompt, the request only loads the model"), older)] + common + withoutOptions,
        response: [FieldRow("embedding", .supported, older)])

    // MARK: Shared rows

    private static let common = [
        FieldRow("model", .supported, wholeChat),
        FieldRow("keep_alive", .supported, "test_how_long_a_model_stays"),
    ]

    private static let withoutOptions = [
        FieldRow("options", .partial("no option has an effect"), embedded),
        FieldRow("options.num_ctx", .ignored(neutral: [])),
    ]

    private static let generation =
        [
            FieldRow("stream", .partial("default: true"), "test_a_chat_is_streamed"),
            FieldRow("format", .partial("json or a schema, enforced by a grammar; a keyword that cannot be enforced is reported"), formats),
            FieldRow(
                "think", .partial("true, false, low, medium, high or max; all but false are a 400 for models that do not reason"), thinking),
            FieldRow("logprobs", .partial("for the content only, not for reasoning and calls"), logprobs),
            FieldRow("top_logprobs", .supported, logprobs),
            FieldRow("shift", .ignored(neutral: [false])),
            FieldRow("_debug_render_only", .refused(neutral: [false])),
            FieldRow("options", .supported, options),
            FieldRow(
                "options.num_ctx",
                .partial("reloads the model with a longer context if it fits into the memory; another length than the model's is reported"),
                "test_a_longer_context_is_loaded"),
            FieldRow("options.num_predict", .partial("0 and less mean as much as fits into the context"), options),
            FieldRow("options.seed", .partial("-1 means a new seed"), "test_a_seed_means_the_same_everywhere"),
            FieldRow("options.stop", .partial("up to 64 strings of up to 1024 bytes"), options),
            FieldRow("options.repeat_last_n", .partial("-1 means 65536 tokens"), options),
        ]
        + OllamaParameters.sameNames.map { FieldRow("options.\($0)", LlamaServerRows.samplers[$0] ?? .supported, options) }
        + [
            "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "use_mmap", "use_mlock", "f16_kv", "logits_all",
            "vocab_only", "embedding_only", "draft_num_predict", "penalize_newline", "tfs_z",
        ].map { FieldRow("options.\($0)", .ignored(neutral: [])) }

    private static let answer =
        ["model", "created_at", "done"].map { FieldRow($0, .supported, wholeChat) } + [
            FieldRow("done_reason", .partial("stop, length, load and unload"), loading),
            FieldRow("logprobs", .supported, logprobs),
            FieldRow("total_duration", .supported, wholeChat),
            FieldRow("load_duration", .partial("from the arrival of the request until the model is loaded"), wholeChat),
            FieldRow("prompt_eval_count", .partial("all tokens of the prompt, cached ones included"), wholeChat),
            FieldRow("prompt_eval_duration", .partial("until the first part of the answer, with the wait for other requests"), wholeChat),
            FieldRow("eval_count", .supported, wholeChat),
            FieldRow("eval_duration", .supported, wholeChat),
        ]

    private static let wholeChat = "test_a_whole_chat_has_the_documented_shape"
    private static let results = "test_results_find_their_calls"
    private static let tools = "test_ollamas_tools_are_called"
    private static let thinking = "test_thoughts_have_a_field_of_their_own"
    private static let formats = "test_ollamas_formats"
    private static let logprobs = "test_ollamas_logprobs"
    private static let options = "test_options_have_their_effects"
    private static let loading = "test_a_request_without_a_prompt_loads_and_unloads"
    private static let generated = "test_a_generated_text_has_the_documented_shape"
    private static let raw = "test_raw_prompts_and_suffixes"
    private static let context = "test_a_context_is_continued"
    private static let embedded = "test_ollamas_embeddings_have_the_documented_shape"
    private static let older = "test_the_older_route_of_embeddings"
}
