import ShimmyCore

/// All settings: the only list. The file's reader, `shimmy config`, the example, the environment's reader and the options are made from it.
package enum Settings {
    package static let all: [Setting] = server + limits + models + engine + storage + log + tracing

    /// The tables in the order of the example, each with a description in one line.
    package static let tables: [(name: String, help: String)] = [
        ("server", "Addresses, access rules and time limits of the server."),
        ("limits", "Limits on the use of the server by clients; docs/limits.md lists all limits."),
        ("models", "Models to serve, and how long they stay in memory."),
        ("engine", "Engine settings for all models. A table for a single model, below, has priority over this table."),
        ("storage", "Directories, and limits on stored data."),
        ("log", "The log on standard error."),
        ("tracing", "Traces for a collector of OpenTelemetry; docs/observability.md describes them."),
    ]

    // Variables that are not settings of the file.

    /// The variable with the address as `host:port`, as the Rust version of Shimmy reads it.
    package static let bindAddress = "SHIMMY_BIND_ADDRESS"
    /// The variable with the seconds after which `shimmy pull` gives up a connection without data.
    package static let pullStall = "SHIMMY_PULL_STALL_SECONDS"
    /// The variable with the file of certificates that the commands for a running server trust, in addition to the system's.
    package static let trustedCertificates = "SHIMMY_TLS_CA"
    /// The variable with the file of the certificate with which the commands for a running server identify themselves.
    package static let clientCertificate = "SHIMMY_TLS_CLIENT_CERT"
    /// The variable with the file of that certificate's private key.
    package static let clientKey = "SHIMMY_TLS_CLIENT_KEY"

    private static let server: [Setting] = [
        .host, .port, .listen, .ollamaPort, .socket, .socketOnly, .tlsCert, .tlsKey, .tlsClientCA, .trustProxy,
        .apiKey, .apiKeyFile, .userPulls, .trustUserHeaders, .allowOrigin, .allowHost, .insecure, .drainSeconds, .requestSeconds, .loadSilence,
        .maxTokensOverContext, .metricsAliases, .noUI, .inspectRequests,
    ]
    private static let limits: [Setting] = [
        .maxConnections, .maxClientConnections, .maxRequests, .maxBody, .bodyMemory, .writeSeconds, .wrongKeys, .cachedTokenPercent,
    ]
    private static let models: [Setting] = [.modelDir, .model, .claudeModel, .preload, .maxModels, .modelWait, .memoryBudget, .keepAlive]
    private static let engine: [Setting] = [
        .ctxSize, .threads, .slots, .streamGap, .queue, .cpuKernels, .chatTemplateFile, .lora, .deterministic, .isolation, .isolationMemory,
    ]
    private static let storage: [Setting] = [
        .dataDir, .cacheDir, .prefixCacheDir, .stateDir, .noStore, .storeSize, .storeDays, .usageDays, .prefixCacheSize,
    ]
    private static let log: [Setting] = [.logLevel, .logFormat, .logText]
    private static let tracing: [Setting] = [.tracesEndpoint, .tracesHeader, .tracesSampleRatio, .tracesServiceName]
}

// MARK: [server]

extension Setting {
    package static let host = Setting(
        "server", "host", .text, default: "\"127.0.0.1\"", "Address to listen on.", option: "Address to listen on. Default: 127.0.0.1 and ::1.",
        rival: Settings.bindAddress, remark: "or \(Settings.bindAddress) as host:port")
    package static let port = Setting(
        "server", "port", .port, default: "11435", "Port to listen on, or \"auto\" for a free port.",
        option: "Port to listen on, or 'auto' for a free port.", rival: Settings.bindAddress)
    package static let ollamaPort = Setting(
        "server", "ollama_port", .integer(1...65535),
        "Second port to listen on, for clients with Ollama's default address: 11434. Default: none.")
    package static let apiKey = Setting(
        "server", "api_key", .list, default: "[]", "API keys; clients must send one of the keys.",
        option: "API key; clients must send one of the keys. Repeatable.", isLive: true, isSecret: true)
    package static let apiKeyFile = Setting(
        "server", "api_key_file", .path, "File with one API key per line, optionally followed by its weight in fair sharing (default: 1).",
        isLive: true)
    package static let userPulls = Setting(
        "server", "user_pulls", .flag, default: "false", "Allow keys with the role user to download models.", isLive: true)
    package static let allowOrigin = Setting(
        "server", "allow_origin", .list, default: "[]", "Browser origins to allow in addition to loopback origins, such as \"https://ui.example\".",
        option: "Browser origin to allow in addition to loopback origins, such as https://ui.example. Repeatable.", isLive: true)
    package static let allowHost = Setting(
        "server", "allow_host", .list, default: "[]",
        "Names to accept in Host headers, in addition to loopback names, IP addresses and the value of host.",
        option: "Name to accept in Host headers, in addition to loopback names, IP addresses and the value of --host. Repeatable.", isLive: true)
    package static let insecure = Setting("server", "insecure", .flag, default: "false", "Allow access from other machines without an API key.")
    package static let drainSeconds = Setting(
        "server", "drain_seconds", .integer(0...86400), default: "30", "Seconds to wait for running requests when the server stops.")
    package static let requestSeconds = Setting(
        "server", "request_seconds", .integer(1...86400), default: "60",
        "Max seconds to receive a request's head, and then its body; also the max idle time of a connection.")
    package static let loadSilence = Setting(
        "server", "load_silence", .integer(0...86400), default: "2",
        "Seconds to wait for a model before the stream starts with load-progress comments.")
    package static let maxTokensOverContext = Setting(
        "server", "max_tokens_over_context", .choice(["refuse", "clamp"]), default: "\"refuse\"",
        "Handling of a token limit above the remaining context: refuse the request (as OpenAI does) or clamp the limit.", isLive: true)
}

extension Setting {
    package static let metricsAliases = Setting(
        "server", "metrics_aliases", .flag, default: "false",
        "Export metrics also under the names of vLLM and llama-server, so that their dashboards work.")
    package static let noUI = Setting("server", "no_ui", .flag, default: "false", "Do not serve the page for browsers.")
    package static let inspectRequests = Setting(
        "server", "inspect_requests", .flag, default: "false",
        "Keep the bodies, prompts and answers of the last requests in memory, for administrators.")
}

// MARK: Accounts

extension Setting {
    package static let trustUserHeaders = Setting(
        "server", "trust_user_headers", .flag, default: "false",
        "Count usage for the end user that a client such as Open WebUI names in X-OpenWebUI-User-Email, -Name or -Id.", isLive: true)
    package static let cachedTokenPercent = Setting(
        "limits", "cached_token_percent", .integer(0...100), default: "100",
        "Percent of a cached prompt token that counts towards the limits of keys.")
    package static let usageDays = Setting(
        "storage", "usage_days", .integer(0...100_000), default: "400", "Days after which records of usage are deleted; 0 records none.")
}

// MARK: [server], addresses

extension Setting {
    package static let listen = Setting(
        "server", "listen", .list, default: "[]", "Additional addresses to listen on, as \"HOST\" or \"HOST:PORT\".",
        option: "Additional address to listen on, as HOST or HOST:PORT. Repeatable.")
    package static let socket = Setting(
        "server", "socket", .path, "Unix socket to listen on, for the server's user and group. Default: none.")
    package static let socketOnly = Setting("server", "socket_only", .flag, default: "false", "Listen on the Unix socket only, and on no port.")
    package static let tlsCert = Setting(
        "server", "tls_cert", .path,
        "File with the certificate of the server in PEM format, followed by its intermediate certificates; clients then need https. Default: none.")
    package static let tlsKey = Setting("server", "tls_key", .path, "File with the private key of the certificate in PEM format.")
    package static let tlsClientCA = Setting(
        "server", "tls_client_ca", .path,
        "File with the certificates of authorities in PEM format; clients then need a certificate that one of them signed. Default: none.")
    package static let trustProxy = Setting(
        "server", "trust_proxy", .list, default: "[]",
        "Addresses or networks of reverse proxies whose X-Forwarded-For header names the client, such as \"10.0.0.0/8\"; \"unix\" for the socket.",
        option: """
            Address or network of a reverse proxy whose X-Forwarded-For header names the client, such as 10.0.0.0/8; unix for the socket. Repeatable.
            """)
}

// MARK: [limits]

extension Setting {
    package static let maxConnections = Setting(
        "limits", "max_connections", .integer(1...1_000_000), default: "10000",
        "Max open connections; the limit on open files can lower this number.")
    package static let maxClientConnections = Setting(
        "limits", "max_client_connections", .integer(1...1_000_000), default: "1000",
        "Max open connections from one address; addresses of this machine are exempt.")
    package static let maxRequests = Setting("limits", "max_requests", .integer(1...1_000_000), default: "4096", "Max requests in flight.")
    package static let maxBody = Setting(
        "limits", "max_body", .size, default: "\"33554432\"", "Max bytes of a request body, at most 1G.",
        option: "Max bytes of a request body, at most 1G. Default: 32 MiB.")
    package static let bodyMemory = Setting(
        "limits", "body_memory", .size, default: "\"268435456\"", "Max total bytes of all request bodies in processing.",
        option: "Max total bytes of all request bodies in processing. Default: 256 MiB.")
    package static let writeSeconds = Setting(
        "limits", "write_seconds", .integer(1...86400), default: "60",
        "Seconds to wait for a client to read more of its response before the server closes the connection.")
    package static let wrongKeys = Setting(
        "limits", "wrong_keys", .integer(1...1_000_000), default: "10",
        "Max wrong API keys from one address in a minute; addresses of this machine are exempt.")
}

// MARK: [models]

extension Setting {
    package static let modelDir = Setting(
        "models", "model_dir", .pathList, default: "[]", "Directories to search for models, in addition to the standard ones.",
        option: "Directory to search for models, in addition to the standard ones. Repeatable.", isLive: true)
    package static let model = Setting("models", "model", .text, "Name or path of a model to serve, in addition to the discovered models.")
    package static let claudeModel = Setting(
        "models", "claude_model", .text,
        "Name of the model to serve for names that begin with claude- and that no model or alias has. Default: none.", isLive: true)
    package static let preload = Setting(
        "models", "preload", .flag, default: "false", "Load this model, or the only model, at startup.",
        option: "Load the model of --model, or the only model, at startup.")
    package static let maxModels = Setting(
        "models", "max_models", .integer(1...10_000), "Max loaded models. Default: as many as the memory budget allows.")
    package static let modelWait = Setting(
        "models", "model_wait", .integer(0...86400), default: "60", "Max seconds for a request to wait for memory in use by other models.")
    package static let memoryBudget = Setting(
        "models", "memory_budget", .size,
        "Max bytes of memory for all models together, such as \"6G\". Default: four fifths of the machine's memory.")
    package static let keepAlive = Setting(
        "models", "keep_alive", .time,
        "How long an idle model stays loaded, such as \"90s\", \"5m\" or \"2h\"; requests can override it. Default: for ever.", isLive: true)
}

// MARK: [engine]

extension Setting {
    package static let ctxSize = Setting(
        "engine", "ctx_size", .integer(EngineRanges.context),
        "Context length in tokens. Default: the trained length if it fits in half of the memory budget, else at least 8192.", isLive: true)
    package static let threads = Setting(
        "engine", "threads", .integer(EngineRanges.threads), "Threads for computation. Default: the number of physical cores.")
    package static let slots = Setting(
        "engine", "slots", .integer(EngineRanges.slots), default: "32", "Max running sequences of a model, 1 to 256.", isLive: true)
    package static let streamGap = Setting(
        "engine", "stream_gap", .integer(EngineRanges.streamGap), default: "100",
        "Max milliseconds between two tokens of a running stream, under any load.")
    package static let queue = Setting(
        "engine", "queue", .integer(EngineRanges.queue), default: "256",
        "Max waiting sequences of a model, in addition to running ones; further requests get status 429.")
    package static let cpuKernels = Setting(
        "engine", "cpu_kernels", .choice(["auto", "off"]), default: "\"auto\"",
        "CPU kernels: auto (Shimmy's own, if the processor supports them) or off (ggml's).")
    package static let chatTemplateFile = Setting(
        "engine", "chat_template_file", .path, "File with a Jinja chat template to use instead of the models' own.", isLive: true)
    package static let lora = Setting(
        "engine", "lora", .list, default: "[]",
        "LoRA adapters for all compatible models, as \"NAME=FILE\" or \"NAME=FILE:SCALE\" with absolute paths (default scale: 1).",
        option: """
            LoRA adapter for all compatible models, as NAME=FILE or NAME=FILE:SCALE (default scale: 1). The scale applies to requests without \
            a list of adapters. Repeatable.
            """)
    package static let deterministic = Setting(
        "engine", "deterministic", .flag, default: "false",
        "Compute one sequence at a time and reuse nothing, so that equal requests get bit-identical responses.")
}

extension Setting {
    package static let isolation = Setting(
        "engine", "isolation", .choice(ModelIsolation.allCases.map(\.rawValue)), default: "\"none\"",
        "Where models run: none (in the server's process) or process (each in a process of its own, whose crash does not end the server).",
        isLive: true)
    package static let isolationMemory = Setting(
        "engine", "isolation_memory", .size,
        "Max bytes that a model's own process may allocate, such as \"6G\"; Linux only. Default: no limit.", isLive: true)
}

// MARK: [storage]

extension Setting {
    package static let dataDir = Setting(
        "storage", "data_dir", .path, "Directory for models, stored objects, aliases and sessions; 'shimmy info' prints it.")
    package static let cacheDir = Setting("storage", "cache_dir", .path, "Directory for caches, such as converted models; 'shimmy info' prints it.")
    package static let prefixCacheDir = Setting(
        "storage", "prefix_cache_dir", .path, "Directory for cached prefixes, for use after a restart. Default: none.")
    package static let stateDir = Setting("storage", "state_dir", .path, "Directory for the input history of 'shimmy run'.")
    package static let noStore = Setting("storage", "no_store", .flag, default: "false", "Do not store responses, conversations or chat completions.")
    package static let storeSize = Setting(
        "storage", "store_size", .size, default: "\"1G\"", "Max bytes of all stored objects; beyond it, the oldest are deleted.")
    package static let storeDays = Setting(
        "storage", "store_days", .integer(1...100_000), default: "30", "Days after which untouched stored objects are deleted.")
    package static let prefixCacheSize = Setting(
        "storage", "prefix_cache_size", .size, default: "\"4G\"", "Max bytes of the cached prefixes on the disk, such as \"500M\" or \"4G\".")
}

// MARK: [log]

extension Setting {
    package static let logLevel = Setting(
        "log", "log_level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]), default: "\"info\"",
        """
        Min level of log messages: trace, debug, info, notice, warning, error or critical. Default: info for 'shimmy serve', warning for other \
        commands.
        """, isLive: true)
    package static let logFormat = Setting(
        "log", "log_format", .choice(["text", "json"]), default: "\"text\"", "Format of log messages: text or json.")
    package static let logText = Setting(
        "log", "log_text", .flag, default: "false",
        "Allow debug messages to contain parts of prompts. Without it, the log contains neither prompts nor responses.")
}

// MARK: [tracing]

extension Setting {
    package static let tracesEndpoint = Setting(
        "tracing", "traces_endpoint", .text,
        "Address of a collector to send traces to over OTLP, such as \"http://localhost:4318\". Default: none.",
        rival: "OTEL_EXPORTER_OTLP_ENDPOINT")
    package static let tracesHeader = Setting(
        "tracing", "traces_header", .list, default: "[]", "Headers to send to the collector, as \"NAME=VALUE\".",
        option: "Header to send to the collector, as NAME=VALUE. Repeatable.", isSecret: true, rival: "OTEL_EXPORTER_OTLP_HEADERS")
    package static let tracesSampleRatio = Setting(
        "tracing", "traces_sample_ratio", .fraction, default: "1.0",
        "Part of the traces to record, from 0 to 1. For a request that continues a trace, its client decides.", rival: "OTEL_TRACES_SAMPLER_ARG")
    package static let tracesServiceName = Setting(
        "tracing", "traces_service_name", .text, default: "\"shimmy\"", "Name of this server in traces.", rival: "OTEL_SERVICE_NAME")
}
