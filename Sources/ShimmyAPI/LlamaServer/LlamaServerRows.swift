import ShimmyCore
import ShimmyJSON

/// The part of the compatibility matrix about llama-server's own API.
enum LlamaServerRows {
    static let endpoints: [EndpointRow] = [completion, infill, embedding, template, properties, slots]

    static let completion = EndpointRow(
        "POST", "/completion", .supported, whole,
        request: [
            FieldRow("prompt", .partial("texts, tokens, or both mixed; multimodal_data is refused"), prompts)
        ] + common,
        response: answer, mayBeList: true)

    static let infill = EndpointRow(
        "POST", "/infill", .partial("a 400 for models that were not trained to fill in the middle"), filled,
        request: [
            FieldRow("input_prefix", .supported, filled),
            FieldRow("input_suffix", .supported, filled),
            FieldRow(
                "input_extra",
                .partial("up to 256 files; the first ones are dropped if not all fit, and x-shimmy-dropped-items has their number"), files),
            FieldRow("input_extra[].text", .supported, files),
            FieldRow("input_extra[].filename", .supported, files),
            FieldRow("input_extra[].time", .ignored(neutral: [])),
            FieldRow("prompt", .supported, filled),
        ] + common,
        response: answer, mayBeList: true)

    static let embedding = EndpointRow(
        "POST", "/embedding", .supported, embedded,
        request: [
            FieldRow("content", .partial("a text, tokens, or several of them"), embedded),
            FieldRow("input", .partial("another name of content"), embedded),
            FieldRow("embd_normalize", .partial("0 to 64; vectors are always normalized"), embedded),
        ] + model,
        response: ["[].index", "[].embedding"].map { FieldRow($0, .supported, embedded) })

    static let template = EndpointRow(
        "POST", "/apply-template", .partial("also takes the other fields of chat completions that change the prompt"), rendered,
        request: [FieldRow("messages", .supported, rendered), FieldRow("model", .partial(anyModel), models)],
        response: [FieldRow("prompt", .supported, rendered)])

    static let properties = EndpointRow(
        "GET", "/props", .partial("loads no model; the properties that need a loaded one are 0 or empty before"), described,
        request: [FieldRow("model", .partial("in the query; default: the only model"), described)],
        response: [
            FieldRow("default_generation_settings.params", .supported, described),
            FieldRow("default_generation_settings.n_ctx", .supported, described),
            FieldRow("total_slots", .partial("the number of sequences that run at once"), described),
            FieldRow("model_alias", .supported, described),
            FieldRow(
                "model_path", .partial("the name of the file, without its directory; for a model on the file of another one, its own name"),
                described),
            FieldRow("modalities", .supported, described),
            FieldRow("chat_template", .supported, described),
            FieldRow("bos_token", .supported, described),
            FieldRow("eos_token", .supported, described),
            FieldRow("endpoint_slots", .partial("always true"), described),
            FieldRow("endpoint_props", .partial("always false"), described),
            FieldRow("endpoint_metrics", .partial("always false"), described),
            FieldRow("build_info", .partial("shimmy and its version"), described),
            FieldRow("is_sleeping", .partial("whether the model is not loaded"), described),
            FieldRow("role", .partial("router, if the request names no model and there are several"), described),
        ])

    static let slots = EndpointRow(
        "GET", "/slots", .partial("the places for running sequences of all loaded models; cannot be changed"), slotted,
        request: [
            FieldRow("model", .partial("in the query; default: all loaded models"), slotted),
            FieldRow("fail_on_no_slot", .supported, slotted),
        ],
        response: [
            FieldRow("[].id", .partial("the index in the list"), slotted),
            FieldRow("[].model", .partial("Shimmy's own: the name of the model"), slotted),
        ]
            + [
                "[].n_ctx", "[].speculative", "[].is_processing", "[].id_task", "[].n_prompt_tokens", "[].n_prompt_tokens_processed",
                "[].n_prompt_tokens_cache",
            ].map { FieldRow($0, .supported, slotted) }
            + [
                FieldRow("[].next_token", .partial("n_decoded; the other members are always the same"), slotted),
                FieldRow("[].params", .notSupported),
            ])

    // MARK: Shared rows

    private static let anyModel = "in the body or the query; default: the only loaded model, else the only one"

    private static let model = [
        FieldRow("model", .partial(anyModel), models),
        FieldRow("keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"), models),
    ]

    private static let common =
        model + limits + sampling + [
            FieldRow("stream", .supported, streamed),
            FieldRow("timings_per_token", .supported, streamed),
            FieldRow("return_tokens", .supported, whole),
            FieldRow("response_fields", .partial("up to 64"), chosen),
            FieldRow("grammar", .supported, forms),
            FieldRow("json_schema", .partial("enforced by a grammar; a keyword that cannot be enforced is reported"), forms),
            FieldRow("cache_prompt", .ignored(neutral: [true])),
            FieldRow("id_slot", .ignored(neutral: [-1])),
            FieldRow("n_cache_reuse", .ignored(neutral: [0])),
            FieldRow("return_progress", .ignored(neutral: [false])),
            FieldRow("sse_ping_interval", .ignored(neutral: [])),
            FieldRow("backend_sampling", .ignored(neutral: [false])),
        ] + Compatibility.adapterFields

    private static let limits = [
        FieldRow("n_predict", .partial("-1 means as much as fits into the context; so does a larger number than fits"), limited),
        FieldRow("max_tokens", .partial("another name of n_predict"), limited),
        FieldRow("n_cmpl", .partial("up to 128"), prompts),
        FieldRow("n", .partial("another name of n_cmpl"), prompts),
        FieldRow("stop", .partial("up to 64 strings of up to 1024 bytes"), limited),
        FieldRow("n_indent", .partial("empty lines do not end the answer"), lines),
        FieldRow("t_max_predict_ms", .supported, lines),
        FieldRow("t_max_prompt_ms", .ignored(neutral: [0])),
        FieldRow("n_keep", .ignored(neutral: [0])),
        FieldRow("n_discard", .ignored(neutral: [0])),
    ]

    /// The support of parameters whose numbers llama-server does not limit, or not as closely.
    static let samplers: [String: Support] = [
        "temperature": .partial("0 and less mean the most likely token; more than 1000000 means 1000000"),
        "repeat_penalty": .partial("numbers outside of 0.01 to 100 are moved to the nearest one"),
        "presence_penalty": .partial(penalties), "frequency_penalty": .partial(penalties),
        "typical_p": .partial("numbers outside of 0 to 1 are moved to the nearest one"),
        "mirostat_tau": .partial("numbers outside of 0 to 100 are moved to the nearest one"),
        "mirostat_eta": .partial("numbers outside of 0 to 1 are moved to the nearest one"),
        "dry_multiplier": .partial("numbers outside of 0 to 10000 are moved to the nearest one"),
        "dry_base": .partial("1 to 1000000; other numbers mean the default"),
    ]
    private static let penalties = "numbers outside of -1000 to 1000 are moved to the nearest one"

    private static let sampling =
        (OllamaParameters.sameNames + [
            "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "xtc_probability", "xtc_threshold",
            "ignore_eos",
        ]).map { FieldRow($0, samplers[$0] ?? .supported, options) } + [
            FieldRow("repeat_last_n", .partial("-1 means 65536 tokens"), options),
            FieldRow("seed", .partial("-1 means a new seed"), options),
            FieldRow("logit_bias", .partial("up to 64 texts; -100 and less bans a token"), biased),
            FieldRow("n_probs", .partial("up to 20"), probable),
            FieldRow(
                "samplers",
                .partial("samplers that are not in the list are off; the order is Shimmy's own; infill stands for min_p 0.2; others are reported"),
                options),
            FieldRow("post_sampling_probs", .ignored(neutral: [false])),
            FieldRow("min_keep", .ignored(neutral: [0])),
            FieldRow("dynatemp_range", .ignored(neutral: [0])),
            FieldRow("dynatemp_exponent", .ignored(neutral: [1])),
            FieldRow("top_n_sigma", .ignored(neutral: [-1])),
            FieldRow("adaptive_target", .ignored(neutral: [-1])),
            FieldRow("adaptive_decay", .ignored(neutral: [])),
        ]

    private static let answer =
        [
            "index", "content", "stop", "model", "tokens_predicted", "tokens_evaluated", "generation_settings", "has_new_line", "stop_type",
            "stopping_word", "timings",
        ].map { FieldRow($0, .supported, whole) } + [
            FieldRow("tokens", .partial("empty without stream and return_tokens"), whole),
            FieldRow("id_slot", .partial("always -1"), whole),
            FieldRow("prompt", .partial("the prompt of the request as a text"), whole),
            FieldRow("tokens_cached", .partial("the number of prompt tokens that were cached"), whole),
            FieldRow("truncated", .partial("whether the texts of infill were cut to fit; a completion is never cut"), files),
            FieldRow("completion_probabilities", .supported, probable),
            FieldRow("prompt_progress", .notSupported),
        ]

    private static let whole = "test_a_completion_of_llama_server_has_the_documented_shape"
    private static let streamed = "test_a_completion_of_llama_server_is_streamed"
    private static let prompts = "test_every_form_of_llama_servers_prompts"
    private static let limited = "test_limits_of_llama_servers_completions"
    private static let options = "test_llama_servers_samplers"
    private static let biased = "test_llama_servers_bias"
    private static let probable = "test_llama_servers_probabilities"
    private static let forms = "test_grammars_and_schemas_of_llama_server"
    private static let chosen = "test_fields_of_the_response_are_chosen"
    private static let models = "test_the_model_of_llama_servers_requests"
    private static let filled = "test_editors_get_gaps_filled"
    private static let files = "test_other_files_help_to_fill_a_gap"
    private static let lines = "test_lines_of_a_filled_gap_are_limited"
    private static let embedded = "test_llama_servers_embeddings"
    private static let rendered = "test_a_template_is_applied"
    private static let described = "test_the_properties_of_a_model"
    private static let slotted = "test_the_slots_of_loaded_models"
}
