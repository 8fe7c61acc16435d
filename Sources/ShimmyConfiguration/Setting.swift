// Reads shimmy.toml: the settings' names, tables, kinds and bounds, and the presets of models. Knows TOML; knows no models and no HTTP,
// so that what a preset's fields mean to a request is checked elsewhere.

/// One setting of the program: a key of the file, which is an option of the command line and a variable of the environment as well.
package struct Setting: Sendable {
    package let table: String
    /// The option's name with underscores: `ctx_size` is `--ctx-size`.
    package let key: String
    /// Such as `SHIMMY_CTX_SIZE`.
    package let variable: String
    package let kind: SettingKind
    /// As it would stand in the file; nil where none says it all.
    package let defaultText: String?
    /// For people, one line.
    package let help: String
    /// Whether a running server takes a change.
    package let isLive: Bool
    /// Never shown.
    package let isSecret: Bool
    /// A variable that says the same in another way, and so wins over the file.
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

    /// Such as `engine.ctx_size`.
    package var path: String { "\(table).\(key)" }
}
