/// The file that `shimmy config init` writes: every key with its default, commented out, so that the file sets nothing until the user edits it. Lines
/// of text begin with `# `, keys with `#` alone.
package enum ExampleFile {
    package static var text: String {
        var lines = introduction
        for (table, help) in Settings.tables {
            lines += ["", "# \(help)", "[\(table)]"]
            for setting in Settings.all where setting.table == table {
                lines += [
                    "", "# \(setting.help)\(setting.isLive ? "" : " Needs a restart.")",
                    "#\(setting.key) = \(setting.defaultText ?? sample(setting))",
                ]
            }
        }
        return (lines + keys + upstreams + models).joined(separator: "\n") + "\n"
    }

    /// Returns a sample value for a setting whose default cannot be written as a value.
    private static func sample(_ setting: Setting) -> String {
        switch setting.kind {
        case .path: "\"~/\(setting.key)\""
        case .text where setting.key == Setting.tracesEndpoint.key: "\"http://localhost:4318\""
        case .text: "\"SmolLM2-135M-Instruct.Q4_1\""
        case .time: "\"5m\""
        case .size: "\"6G\""
        case .integer(let range): "\(numbers[setting.key] ?? max(range.lowerBound, 4))"
        default: "\"\""
        }
    }

    /// Sample values for settings for which a small number makes no sense.
    private static let numbers = [Setting.ctxSize.key: 8192, Setting.ollamaPort.key: 11434]

    /// The setting whose names the introduction shows.
    private static let shown = Setting.ctxSize

    private static let introduction = [
        "# shimmy.toml: Shimmy's settings, and presets for models.",
        "#",
        "# Command line options have priority over environment variables, variables over this file, and this file over the defaults.",
        "# Each key corresponds to an option and a variable: \(shown.key) to \(shown.optionName) and \(shown.variable). "
            + "Relative paths are relative to this",
        "# file's directory. 'shimmy config check' reports mistakes in this file; 'shimmy config show' prints the settings in effect and their",
        "# sources. A running server applies changes at once, or on SIGHUP, except those that need a restart.",
    ]

    private static let keys = [
        "",
        "# A key for a client, with its name, in place of api_key. docs/keys.md describes 'shimmy key', which keeps keys outside of this file.",
        "#[key.\"ann\"]",
        "",
        "# The key itself, or one of: key_env (an environment variable), key_file (a file), hash (its SHA-256 hash in hexadecimal).",
        "#hash = \"\(String(repeating: "0", count: 64))\"",
        "",
        "# The role: user, or admin. The models that the key may use; * stands for any text. The end of its validity.",
        "#role = \"user\"",
        "#models = [\"SmolLM2-*\"]",
        "#expires = \"2099-12-31\"",
        "",
        "# Limits, and the key's weight in fair sharing.",
        "#requests_per_minute = 60",
        "#tokens_per_minute = 100000",
        "#tokens_per_day = 1000000",
        "#concurrency = 4",
        "#max_output_tokens = 4096",
        "#weight = 1.0",
    ]

    private static let upstreams = [
        "",
        "# Another server, whose models this server offers as its own. docs/fleet.md describes it.",
        "#[upstream.\"gpu\"]",
        "",
        "# Its address, and its program: auto, \(UpstreamTable.kinds.dropFirst().joined(separator: ", ")).",
        "#url = \"http://gpu-box:8000\"",
        "#kind = \"auto\"",
        "",
        "# The API for answers to conversations: \(UpstreamTable.dialects.joined(separator: ", ")).",
        "#dialect = \"chat\"",
        "",
        "# Its key; api_key_env names an environment variable. The models to offer, and the text before their ids.",
        "#api_key = \"secret\"",
        "#models = [\"*\"]",
        "#prefix = \"\"",
        "",
        "# Lower priorities come first; the weight is the share of the load. The max requests at the same time.",
        "#priority = 1",
        "#weight = 1.0",
        "#max_concurrency = 64",
        "",
        "# Seconds: between two bytes of an answer, until its first byte, to connect, between two checks. The path of the check.",
        "#timeout = 120",
        "#first_byte_timeout = 600",
        "#connect_timeout = 5",
        "#health_interval = 5",
        "#health = \"/health\"",
        "",
        "# More headers of its requests, a PEM file with the certificates to trust, and fields to drop and to add.",
        "#headers = { x-team = \"a\" }",
        "#tls_ca = \"~/ca.pem\"",
        "#fields = { drop = [\"user\"], add = { top_k = 40 } }",
    ]

    private static let models = [
        "",
        "# Settings for one model, by its name in 'shimmy list'. As in requests, the quantization is optional.",
        "#[model.\"SmolLM2-135M-Instruct\"]",
        "",
        "# Context length in tokens, and max running sequences.",
        "#context = 4096",
        "#slots = 8",
        "",
        "# A Jinja chat template to use instead of the model's own; chat_template_file names a file.",
        "#chat_template = \"\"\"{% for message in messages %}{{ message.content }}{% endfor %}\"\"\"",
        "",
        "# The system message of conversations without one.",
        "#system = \"Answer in one sentence.\"",
        "",
        "# Fields of a chat request: defaults for requests without the field, and forced values for all requests.",
        "# The header x-shimmy-forced-params lists the forced fields that replaced a client's value.",
        "#defaults = { temperature = 0.7, top_p = 0.9, max_tokens = 512, stop = [\"###\"] }",
        "#forced = { seed = 7 }",
        "",
        "# Other names for the model.",
        "#aliases = [\"small\", \"gpt-4o-mini\"]",
        "",
        "# How long the idle model stays loaded (-1 for ever), whether it is never freed for other models, and whether it loads at startup.",
        "#keep_alive = \"30m\"",
        "#pin = false",
        "#preload = false",
        "",
        "# LoRA adapters to load with the model.",
        "#lora = [{ name = \"french\", path = \"adapter.gguf\", scale = 1.0 }]",
        "",
        "# Whether the model serves POST /v1/moderations.",
        "#moderation = false",
        "",
        "# Whether the model runs in a process of its own, and the max bytes that this process may allocate.",
        "#isolation = \"process\"",
        "#isolation_memory = \"6G\"",
        "",
        "# Your own model on top of another one, with any of the keys above.",
        "#[model.\"pirate\"]",
        "#base = \"SmolLM2-135M-Instruct\"",
        "#system = \"You are a pirate. Answer like one.\"",
        "#defaults = { temperature = 1.2 }",
    ]
}
