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
        return (lines + models).joined(separator: "\n") + "\n"
    }

    /// Returns a sample value for a setting whose default cannot be written as a value.
    private static func sample(_ setting: Setting) -> String {
        switch setting.kind {
        case .path: "\"~/\(setting.key)\""
        case .text: "\"SmolLM2-135M-Instruct.Q4_1\""
        case .time: "\"5m\""
        case .size: "\"6G\""
        case .integer(let range): "\(max(range.lowerBound, setting.key == "ctx_size" ? 8192 : 4))"
        default: "\"\""
        }
    }

    private static let introduction = [
        "# shimmy.toml: the settings of Shimmy, and what it knows of models beside what their files say.",
        "#",
        "# Options of the command line win over variables of the environment, those over this file, this file over defaults.",
        "# A key is the option of the same name (ctx_size is --ctx-size) and the variable SHIMMY_CTX_SIZE. Relative paths begin at this file's",
        "# folder. 'shimmy config check' says what is wrong with this file, 'shimmy config show' what holds and why. A running server takes",
        "# changes at once, or on SIGHUP, except for those that need a restart.",
    ]

    private static let models = [
        "",
        "# A table for a model: its name as 'shimmy list' has it. As in requests, the quantization may be left out.",
        "#[model.\"SmolLM2-135M-Instruct\"]",
        "",
        "# Tokens of context, and sequences at once.",
        "#context = 4096",
        "#slots = 8",
        "",
        "# A Jinja chat template in place of the model's own; chat_template_file names a file instead.",
        "#chat_template = \"\"\"{% for message in messages %}{{ message.content }}{% endfor %}\"\"\"",
        "",
        "# For conversations without a system message.",
        "#system = \"Answer in one sentence.\"",
        "",
        "# Fields of a chat request: what a request without them gets, and what every request gets, whatever it says.",
        "# Forced fields that replace a client's are named in the header x-shimmy-forced-params.",
        "#defaults = { temperature = 0.7, top_p = 0.9, max_tokens = 512, stop = [\"###\"] }",
        "#forced = { seed = 7 }",
        "",
        "# Other names for it.",
        "#aliases = [\"small\", \"gpt-4o-mini\"]",
        "",
        "# How long it stays loaded that nobody uses (-1 for ever), whether it is never freed for others, whether it is loaded at the start.",
        "#keep_alive = \"30m\"",
        "#pin = false",
        "#preload = false",
        "",
        "# LoRA adapters that it is loaded with.",
        "#lora = [{ name = \"french\", path = \"adapter.gguf\", scale = 1.0 }]",
        "",
        "# A model of your own on top of another one, with any of the keys above.",
        "#[model.\"pirate\"]",
        "#base = \"SmolLM2-135M-Instruct\"",
        "#system = \"You are a pirate. Answer like one.\"",
        "#defaults = { temperature = 1.2 }",
    ]
}
