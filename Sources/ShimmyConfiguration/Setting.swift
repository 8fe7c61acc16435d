// Reads shimmy.toml: the settings' names, tables, kinds and ranges, and the presets of models. This target knows TOML, but neither models nor HTTP;
// other targets check what a preset's fields mean to a request.

/// One setting of the program: a key of the file, which is also an option of the command line and an environment variable.
package struct Setting: Sendable {
    package let table: String
    /// The option's name with underscores: `ctx_size` is `--ctx-size`.
    package let key: String
    /// The environment variable, such as `SHIMMY_CTX_SIZE`.
    package let variable: String
    package let kind: SettingKind
    /// The default as the file would contain it; nil if no value expresses it.
    package let defaultText: String?
    /// A description in one line.
    package let help: String
    /// Whether a running server applies a change.
    package let isLive: Bool
    /// Whether the program never shows the value.
    package let isSecret: Bool
    /// Another variable that sets the same value, and therefore wins over the file; nil if there is none.
    package let rival: String?

    init(
        _ table: String, _ key: String, _ kind: SettingKind, default defaultText: String? = nil, _ help: String, isLive: Bool = false,
        isSecret: Bool = false, rival: String? = nil, variable: String? = nil
    ) {
        self.table = table
        self.key = key
        self.kind = kind
        self.defaultText = defaultText
        self.help = help
        self.isLive = isLive
        self.isSecret = isSecret
        self.rival = rival
        self.variable = variable ?? "SHIMMY_" + key.uppercased()
    }

    /// The setting's path, such as `engine.ctx_size`.
    package var path: String { "\(table).\(key)" }
}
