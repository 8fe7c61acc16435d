import ShimmyJSON

/// The server's own endpoints, which belong to no API's compatibility matrix, with their fields: for the OpenAPI document. A test compares them with
/// the routes.
enum OwnRows {
    static let endpoints: [EndpointRow] =
        health + watching + models + prompts + keys + usage + ownKey + documentation
        + [conversations, cohere, systemOne]

    private static let health = [
        EndpointRow("GET", "/", .partial("a text for probes; the page for clients whose Accept prefers text/html"), media: .text),
        EndpointRow("GET", "/page/{file}", .partial("the files of the page, compressed if Accept-Encoding allows it"), media: .file("*/*")),
        EndpointRow(
            "GET", "/ready", .partial("200 while the server accepts requests; 503 while it loads models at startup, and during a shutdown"),
            response: rows("ready")),
        EndpointRow("GET", "/metrics", .partial("metrics in Prometheus' text format, or in OpenMetrics if Accept names it"), media: .text),
        EndpointRow(
            "GET", "/health", .partial("200 with a summary of the work; 503 during a shutdown"),
            response: rows("status", "ready", "models_loaded", "engine")),
        EndpointRow(
            "GET", "/engine", .partial("the use of memory and of all limits, also by key and client, and the work of each model"),
            response: rows("server", "object", "memory", "waiting", "waiting_limit", "data")),
        EndpointRow(
            "GET", "/admin/upstreams", .partial("the upstream servers: their health, models, load and failures"),
            response: rows("object", "data", "problem")),
    ]

    private static let watching = [
        EndpointRow(
            "GET", "/admin/requests", .partial("the last requests with their times and tokens, the newest first; those that only read are left out"),
            request: [
                FieldRow("limit", .partial("1 to 500; default: 100")), FieldRow("before", .partial("only requests with a smaller number")),
            ],
            response: rows("object", "data[].object") + record.map { FieldRow("data[].\($0)", .supported) } + rows("has_more", "limit", "inspects")),
        EndpointRow(
            "GET", "/admin/requests/{request_id}",
            .partial("a request with the parts of its time; with --inspect-requests also its body, prompts and answers"),
            response: rows("object") + record.map { FieldRow($0, .supported) } + rows("phases", "body", "prompts", "answers")),
        EndpointRow(
            "GET", "/admin/events", .partial("a stream of snapshots of the server, at most one a second"),
            request: [FieldRow("limit", .partial("the number of snapshots; default: without an end"))], media: .events),
    ]

    /// The fields of a request in the list of the last ones.
    private static let record = [
        "number", "id", "time", "method", "endpoint", "api", "model", "stream", "status", "end", "error", "key", "address", "prompt_tokens",
        "cached_tokens", "completion_tokens", "queue_ms", "first_ms", "answered_ms", "total_ms", "inspected",
    ]

    private static let models = [
        EndpointRow(
            "POST", "/models/load", .partial("loads a model and returns its object"),
            request: [model] + keepAlive + [FieldRow("stream", .partial("reports the progress as comments; default: false"))],
            response: Compatibility.retrieveModel.response),
        EndpointRow("POST", "/models/unload", .partial("frees a model, pinned or not"), request: [model], response: rows("model", "unloaded")),
        EndpointRow(
            "POST", "/models/pin", .partial("loads a model and keeps it in memory until it is unpinned or unloaded, or the server ends"),
            request: [model], response: rows("model", "pinned")),
        EndpointRow("POST", "/models/unpin", .partial("ends the pin of a model"), request: [model], response: rows("model", "pinned")),
        EndpointRow("POST", "/models/rescan", .partial("searches the disk for models"), response: rows("object", "models")),
        EndpointRow(
            "POST", "/models/pull", .partial("downloads a model from the Hugging Face hub"),
            request: [model, FieldRow("stream", .partial("default: true"))], response: rows("status", "model")),
        EndpointRow(
            "GET", "/admin/downloads", .partial("the downloads that are not complete, the newest first; POST /v1/models/pull continues one"),
            response: rows(
                "object", "data[].object", "data[].model", "data[].repository", "data[].completed", "data[].total", "data[].running",
                "data[].created_at")),
        EndpointRow(
            "DELETE", "/admin/downloads/{model}", .partial("deletes the data of a download that does not run"),
            response: rows("object", "model", "deleted")),
        EndpointRow(
            "GET", "/lora-adapters", .partial("the LoRA adapters that requests to a loaded model may name"), request: [onlyModel]),
    ]

    private static let prompts = [
        EndpointRow(
            "POST", "/chat/completions/render", .partial("the prompt of a chat request and its tokens"),
            request: Compatibility.chatCompletions.request, response: rows("object", "model", "prompt", "prompt_tokens", "tokens"),
            media: .wholeJSON),
        EndpointRow(
            "POST", "/chat/completions/input_tokens", .partial("the number of tokens of a chat request's prompt, as in llama-server"),
            request: Compatibility.chatCompletions.request, response: rows("object", "input_tokens"), media: .wholeJSON),
        EndpointRow(
            "POST", "/tokenize", .partial("the tokens of a text or of a conversation"),
            request: [
                onlyModel, FieldRow("content", .partial("a text, as in llama-server")), FieldRow("prompt", .partial("a text, as in vLLM")),
                FieldRow("messages", .partial("a conversation, as in a chat request")),
                FieldRow("add_special", .partial("for content; default: false")),
                FieldRow("add_special_tokens", .partial("for prompt; default: true")),
                FieldRow("parse_special", .partial("whether the text may contain control tokens; default: true")),
                FieldRow("with_pieces", .partial("tokens as objects with their pieces; default: false")),
                FieldRow("return_token_strs", .partial("the texts of the tokens too; default: false")),
            ],
            response: rows("tokens", "count", "max_model_len", "token_strs")),
        EndpointRow(
            "POST", "/detokenize", .partial("the text of tokens"), request: [onlyModel, FieldRow("tokens", .supported)],
            response: rows("content", "prompt")),
        EndpointRow(
            "GET", "/tokenizer_info", .partial("the BOS and EOS tokens and the chat template"), request: [onlyModel],
            response: rows("model", "bos_token", "eos_token", "pad_token", "chat_template", "model_max_length")),
    ]

    private static let keys = [
        EndpointRow(
            "GET", "/organization/admin_api_keys", .partial("the keys that are not revoked"),
            request: ["order", "limit", "after"].map { FieldRow($0, .supported) },
            response: rows("object", "data[].object", "data[].id", "data[].name", "data[].shimmy", "first_id", "last_id", "has_more")),
        createKey,
        EndpointRow("GET", "/organization/admin_api_keys/{key_id}", .partial("a key without its text"), response: key),
        updateKey,
        EndpointRow(
            "DELETE", "/organization/admin_api_keys/{key_id}", .partial("revokes a key; its next request is refused"),
            response: rows("object", "id", "deleted")),
        EndpointRow(
            "POST", "/organization/admin_api_keys/{key_id}/rotate", .partial("replaces the text of a key"), response: key + rows("value")),
    ]

    static let createKey = EndpointRow(
        "POST", "/organization/admin_api_keys", .partial("creates a key; only this response has its text; unknown fields are refused"),
        request: rows("name") + [
            FieldRow("role", .partial("default: user")), FieldRow("models", .partial("names, or patterns with *; default: all models")),
        ] + limits + rows("limits", "weight", "expires_at"),
        response: key + rows("value"))

    static let updateKey = EndpointRow(
        "POST", "/organization/admin_api_keys/{key_id}",
        .partial("changes the fields that the request has; null removes a limit; unknown fields are refused"),
        request: rows("name", "role") + [FieldRow("models", .partial("null for all models"))] + limits + rows("limits", "weight", "expires_at"),
        response: key)

    private static let limits = rows("requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrency", "max_output_tokens")

    private static let key = rows("object", "id", "name", "redacted_value", "created_at", "last_used_at", "owner", "shimmy")

    private static let usage = [
        EndpointRow(
            "GET", "/organization/usage/completions", .partial("tokens and requests by day, key, user and model, in OpenAI's format"),
            request: usageQuery, response: usagePage),
        EndpointRow(
            "GET", "/organization/usage/embeddings", .partial("the same for embeddings and rankings"), request: usageQuery, response: usagePage),
    ]

    private static let ownKey = [
        EndpointRow(
            "GET", "/key", .partial("the key of the request: its limits, and what remains of them"),
            response: rows("object", "id", "name", "role", "models", "weight", "created_at", "expires_at", "limits", "remaining", "reset_seconds")),
        EndpointRow(
            "GET", "/key/usage/completions", .partial("the use of the request's key, in the form of /organization/usage/completions"),
            request: ownUsageQuery, response: usagePage),
        EndpointRow(
            "GET", "/key/usage/embeddings", .partial("the same for embeddings and rankings"), request: ownUsageQuery, response: usagePage),
    ]

    private static let ownUsageQuery =
        rows("start_time", "end_time") + [FieldRow("bucket_width", .partial("1d only"))] + rows("limit", "page", "group_by", "models", "user_ids")

    private static let usageQuery = ownUsageQuery + rows("api_key_ids")

    private static let usagePage = rows(
        "object", "data[].object", "data[].start_time", "data[].end_time", "data[].results", "has_more", "next_page")

    private static let documentation = [
        EndpointRow("GET", "/openapi.json", .partial("this document"), media: .file("application/json")),
        EndpointRow("GET", "/docs", .partial("a page that shows this document"), media: .file("text/html")),
        EndpointRow("GET", "/docs/style.css", .partial("the style of the page"), media: .file("text/css")),
        EndpointRow("GET", "/docs/script.js", .partial("the script of the page"), media: .file("text/javascript")),
    ]

    private static let conversations = EndpointRow(
        "GET", "/conversations", .partial("the conversations of the request's key; OpenAI's API has no such list"),
        request: ["order", "limit", "after"].map { FieldRow($0, .supported) },
        response: rows(
            "object", "data[].id", "data[].object", "data[].created_at", "data[].metadata", "data[].shimmy", "first_id", "last_id", "has_more"))

    private static let cohere = EndpointRow(
        "POST", "/v2/rerank", .partial("version 2 of Cohere's API"), request: Compatibility.rerank.request, response: Compatibility.rerank.response)

    /// The same questions as those of `/decisions`, in the form that other servers have.
    static let systemOne = EndpointRow(
        "POST", "/systemone", .partial("decisions in System One's format"),
        request: [model, FieldRow("state", .supported), FieldRow("questions", .supported), FieldRow("images", .refused(neutral: [[]]))] + keepAlive,
        response: rows("model", "answers", "usage"))

    private static let model = FieldRow("model", .supported)
    private static let onlyModel = FieldRow("model", .partial("can be omitted if there is only one model"))
    private static let keepAlive = Compatibility.embeddings.request.filter { $0.field == "keep_alive" }

    private static func rows(_ fields: String...) -> [FieldRow] { fields.map { FieldRow($0, .supported) } }
}
