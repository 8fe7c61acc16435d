/// All settings: the only list. The reader, `shimmy config` and the example are made from it.
package enum Settings {
    package static let all: [Setting] = server + limits + models + engine + storage + log

    /// The tables in the order of the example, each with a description in one line.
    package static let tables: [(name: String, help: String)] = [
        ("server", "Where the server listens, and whom it answers."),
        ("limits", "Bounds on what clients may use; docs/limits.md lists all of them."),
        ("models", "Which models there are, and how long they stay in memory."),
        ("engine", "How models are computed. What holds for one model alone stands in its own table, below."),
        ("storage", "Where files are kept."),
        ("log", "What is told on standard error."),
    ]

    package static func find(table: String, key: String) -> Setting? { all.first { $0.table == table && $0.key == key } }

    private static let server = [
        Setting("server", "host", .text, default: "\"127.0.0.1\"", "Address to listen on.", rival: "SHIMMY_BIND_ADDRESS"),
        Setting("server", "port", .port, default: "11435", "Port to listen on; \"auto\" takes a free one.", rival: "SHIMMY_BIND_ADDRESS"),
        Setting("server", "api_key", .list, default: "[]", "Keys, one of which clients have to send.", isLive: true, isSecret: true),
        Setting("server", "api_key_file", .path, "A file with one key a line, and after it, if you like, its weight.", isLive: true),
        Setting(
            "server", "allow_origin", .list, default: "[]", "Browser origins that may read answers, such as \"https://ui.example\".", isLive: true),
        Setting("server", "allow_host", .list, default: "[]", "Names that the server is called by in Host headers.", isLive: true),
        Setting("server", "insecure", .flag, default: "false", "Whether it may listen beyond this machine without a key."),
        Setting(
            "server", "drain_seconds", .integer(0...86400), default: "30", "Seconds that running answers may take when the server is told to stop."),
        Setting("server", "request_seconds", .integer(1...86400), default: "60", "Seconds that a client may take to send a request."),
        Setting(
            "server", "load_silence", .integer(0...86400), default: "2",
            "Seconds that a stream's status waits for its model; then comments tell how far the load is."),
        Setting(
            "server", "max_tokens_over_context", .choice(["refuse", "clamp"]), default: "\"refuse\"",
            "What becomes of a request for more tokens than the context has room for: an error as at OpenAI, or as many as there are.", isLive: true),
    ]

    private static let limits = [
        Setting(
            "limits", "max_connections", .integer(1...1_000_000), default: "10000",
            "Connections that may be open at one time, as far as the limit on open files allows."),
        Setting(
            "limits", "max_client_connections", .integer(1...1_000_000), default: "1000",
            "Connections of one address that is not this machine's."),
        Setting("limits", "max_requests", .integer(1...1_000_000), default: "4096", "Requests that may be in flight at one time."),
        Setting("limits", "max_body", .size, default: "\"33554432\"", "Bytes of a request's body; no more than 1G."),
        Setting("limits", "body_memory", .size, default: "\"268435456\"", "Bytes of all bodies that are being read at one time."),
        Setting(
            "limits", "write_seconds", .integer(1...86400), default: "60",
            "Seconds that a client may read nothing of its response before the connection is closed."),
    ]

    private static let models = [
        Setting("models", "model_dir", .pathList, default: "[]", "Folders to look for models in, beside the usual places.", isLive: true),
        Setting("models", "model", .text, "A model, by name or by path, to serve beside those that are found."),
        Setting("models", "preload", .flag, default: "false", "Whether that model, or the only one there is, is loaded before requests come."),
        Setting("models", "max_models", .integer(1...10_000), "Models that may be loaded at once. Default: as many as the budget of memory allows."),
        Setting("models", "model_wait", .integer(0...86400), default: "60", "Seconds that a request may wait for memory that others' models use."),
        Setting(
            "models", "memory_budget", .size, "Bytes of memory that models may take together, such as \"6G\". Default: four fifths of the machine's."),
        Setting("models", "keep_alive", .time, "How long a model stays loaded that nobody uses, such as \"5m\". Default: for ever.", isLive: true),
    ]

    private static let engine = [
        Setting(
            "engine", "ctx_size", .integer(EngineRanges.context),
            "Tokens of context. Default: the trained context where that fits half of the memory budget, else at least 8192.", isLive: true),
        Setting("engine", "threads", .integer(EngineRanges.threads), "Threads for computing. Default: the number of physical cores."),
        Setting("engine", "slots", .integer(EngineRanges.slots), default: "32", "Sequences of a model that can be computed at once.", isLive: true),
        Setting("engine", "stream_gap", .integer(EngineRanges.streamGap), default: "100", "Milliseconds between two tokens of a stream, at most."),
        Setting("engine", "queue", .integer(EngineRanges.queue), default: "256", "Sequences that may wait; beyond them requests get a 429."),
        Setting("engine", "cpu_kernels", .choice(["auto", "off"]), default: "\"auto\"", "Shimmy's own kernels where the processor can, or ggml's."),
        Setting("engine", "chat_template_file", .path, "A file with a Jinja chat template, in place of the models' own.", isLive: true),
        Setting(
            "engine", "lora", .list, default: "[]",
            "LoRA adapters for the models that they fit, such as \"french=/adapters/french.gguf:0.5\", with whole paths."),
        Setting("engine", "deterministic", .flag, default: "false", "Whether sequences are computed one at a time and nothing is reused."),
    ]

    private static let storage = [
        Setting("storage", "data_dir", .path, "Where models are kept that Shimmy fetches. `shimmy info` names it."),
        Setting("storage", "cache_dir", .path, "Where what can be made again is kept."),
        Setting("storage", "prefix_cache_dir", .path, "A folder where computed prompts outlive the process. Default: none."),
        Setting("storage", "state_dir", .path, "Where the history of conversations at a terminal is kept."),
        Setting("storage", "no_store", .flag, default: "false", "Whether no responses, conversations and chats are kept."),
        Setting("storage", "store_size", .size, default: "\"1G\"", "Bytes of all that is kept of them; beyond it the oldest goes."),
        Setting("storage", "store_days", .integer(1...100_000), default: "30", "Days after which goes what nobody has changed or continued."),
        Setting("storage", "prefix_cache_size", .size, default: "\"4G\"", "Bytes of that folder at most."),
    ]

    private static let log = [
        Setting(
            "log", "log_level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]), default: "\"info\"",
            "How much is told.", isLive: true),
        Setting("log", "log_format", .choice(["text", "json"]), default: "\"text\"", "For people, or for programs."),
    ]
}
