import ShimmyJSON

/// The rows of the routes about models.
extension OllamaRows {
    static let models: [EndpointRow] = [version, tags, ps, show, pull, push, create, copy, delete, hasBlob, addBlob]

    static let version = EndpointRow(
        "GET", "/api/version", .supported, accepted,
        response: rows(["version"], .partial("the version of Ollama whose API this is; `shimmy` is Shimmy's own version"), accepted))

    static let tags = EndpointRow(
        "GET", "/api/tags", .partial("with an entry for each alias"), listed,
        response: rows(["models[].name", "models[].model", "models[].modified_at", "models[].size"], .supported, listed) + versions("models[]."))

    static let ps = EndpointRow(
        "GET", "/api/ps", .supported, running,
        response: rows(["models[].name", "models[].model", "models[].size", "models[].context_length"], .supported, running)
            + rows(["models[].expires_at"], .partial("292 years from now for a model that stays for ever"), running)
            + rows(["models[].size_vram"], .partial("0 without a GPU"), running) + versions("models[]."))

    static let show = EndpointRow(
        "POST", "/api/show", .supported, shown,
        request: names(shown) + rows(["verbose"], .ignored(neutral: [false])) + rows(["system", "template"], .ignored(neutral: [""]))
            + rows(["options"], .ignored(neutral: [[:]])),
        response: showFields + details(""))

    private static let showFields = [
        FieldRow("license", .supported, shown),
        FieldRow("modelfile", .partial("for people; FROM has the name of a model"), shown),
        FieldRow(
            "parameters", .partial("num_ctx is the context length on this server; the others are presets and the makers' recommendations"), shown),
        FieldRow("template", .partial("in Jinja; it contains .Suffix if the model can fill in the middle"), shown),
        FieldRow("system", .supported, created),
        FieldRow("messages", .supported, created),
        FieldRow("model_info", .partial("the metadata of the GGUF file; arrays are null"), shown),
        FieldRow("capabilities", .partial("completion, tools, insert, thinking, vision, audio, embedding"), capabilities),
        FieldRow("modified_at", .supported, shown),
        FieldRow("tensors", .notSupported),
        FieldRow("projector_info", .notSupported),
    ]

    static let pull = EndpointRow(
        "POST", "/api/pull", .partial("from the Hugging Face hub (hf.co/USER/REPO[:QUANTIZATION]); a model that exists is a success"), pulled,
        request: names(pulled) + rows(["stream"], .partial("default: true"), pulled) + rows(["insecure"], .ignored(neutral: [false]))
            + rows(["username", "password"], .ignored(neutral: [""])),
        response: rows(["status", "total", "completed"], .supported, pulled)
            + rows(["digest"], .partial("that of the first file, for the pull of all files"), pulled))

    static let push = EndpointRow("POST", "/api/push", .refused(neutral: []))

    static let create = EndpointRow(
        "POST", "/api/create", .partial("from a model or an uploaded GGUF file"), created,
        request: names(created) + createFields
            + rows(["quantize", "quantization", "draft_quantize", "remote_host"], .refused(neutral: [""]))
            + rows(["renderer", "parser", "requires"], .ignored(neutral: [""])) + rows(["info"], .ignored(neutral: [[:]])),
        response: rows(["status"], .supported, created))

    private static let createFields = [
        FieldRow("stream", .partial("default: true"), created),
        FieldRow("from", .supported, created),
        FieldRow("files", .partial("one GGUF file"), uploaded),
        FieldRow("system", .supported, created),
        FieldRow("parameters", .partial("as options of a chat; others are reported"), created),
        FieldRow("messages", .supported, created),
        FieldRow("messages[].role", .partial("system, user and assistant"), created),
        FieldRow("messages[].content", .supported, created),
        FieldRow("messages[].images", .refused(neutral: [[]])),
        FieldRow("template", .partial("in Jinja; one of Ollama's own is reported and has no effect"), templates),
        FieldRow("license", .supported, created),
        FieldRow("adapters", .refused(neutral: [[:]])),
        FieldRow("draft_files", .refused(neutral: [[:]])),
    ]

    static let copy = EndpointRow(
        "POST", "/api/copy", .partial("the copy is an alias, which shares the files and the engine"), copied,
        request: rows(["source", "destination"], .supported, copied), media: .noAnswer)

    static let delete = EndpointRow(
        "DELETE", "/api/delete", .partial("aliases, created models and files that belong to Shimmy; other models are a 400"), deleted,
        request: names(deleted), media: .noAnswer)

    static let hasBlob = EndpointRow("HEAD", "/api/blobs/{digest}", .supported, uploaded, media: .noAnswer)
    static let addBlob = EndpointRow(
        "POST", "/api/blobs/{digest}", .partial("the file is deleted after a day, or earlier if newer files need the space"), uploaded,
        media: .upload)

    // MARK: Shared rows

    private static func rows(_ fields: [String], _ support: Support, _ test: String? = nil) -> [FieldRow] {
        fields.map { FieldRow($0, support, test) }
    }

    /// The rows about the version of a model.
    private static func versions(_ prefix: String) -> [FieldRow] {
        let how = Support.partial("Ollama's own for models in its store; otherwise a hash of properties of the files")
        return rows(["\(prefix)digest"], how, digests) + details(prefix)
    }

    private static func details(_ prefix: String) -> [FieldRow] {
        let fields = [
            "parent_model", "format", "family", "families", "parameter_size", "quantization_level", "context_length", "embedding_length",
        ]
        return rows(fields.map { "\(prefix)details.\($0)" }, .supported, listed)
    }

    private static func names(_ test: String) -> [FieldRow] {
        rows(["model"], .supported, test) + rows(["name"], .partial("an older name of model"), "test_older_clients_say_name")
    }

    private static let accepted = "test_clients_accept_the_version"
    private static let listed = "test_tags_have_what_clients_read"
    private static let digests = "test_models_of_ollama_keep_their_names_and_digests"
    private static let running = "test_running_models_are_listed"
    private static let shown = "test_show_has_what_clients_read"
    private static let capabilities = "test_capabilities_are_true"
    private static let pulled = "test_a_pull_reports_its_progress"
    private static let created = "test_a_model_is_created_on_top_of_another"
    private static let templates = "test_only_templates_in_jinja_have_an_effect"
    private static let copied = "test_a_copy_is_an_alias"
    private static let deleted = "test_only_models_of_shimmy_are_deleted"
    private static let uploaded = "test_an_uploaded_file_becomes_a_model"
}
