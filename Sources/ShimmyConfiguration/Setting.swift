// Reads shimmy.toml: the settings' names, tables, kinds and ranges, and the presets of models. This target knows TOML, but neither models nor HTTP;
// other targets check what a preset's fields mean to a request.

/// One setting of the program: a key of the file, which is also an option of the command line and an environment variable.
package struct Setting: Sendable {
    package let table: String
    /// The option's name with underscores: `ctx_size` is `--ctx-size`.
    package let key: String
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
    /// The description of the option if it differs from `help`: lists are repeatable options with one value each.
    private let option: String?
    /// A remark about the variable for the option's help.
    private let remark: String?

    init(
        _ table: String, _ key: String, _ kind: SettingKind, default defaultText: String? = nil, _ help: String, option: String? = nil,
        isLive: Bool = false, isSecret: Bool = false, rival: String? = nil, remark: String? = nil
    ) {
        self.table = table
        self.key = key
        self.kind = kind
        self.defaultText = defaultText
        self.help = help
        self.isLive = isLive
        self.isSecret = isSecret
        self.rival = rival
        self.option = option
        self.remark = remark ?? (kind.isList ? "comma-separated" : nil)
    }

    /// The setting's path, such as `engine.ctx_size`.
    package var path: String { "\(table).\(key)" }

    /// The option's name, such as `--ctx-size`.
    package var optionName: String { "--" + key.replacing("_", with: "-") }

    /// The environment variable, such as `SHIMMY_CTX_SIZE`.
    package var variable: String { "SHIMMY_" + key.uppercased() }

    /// The default in the form of the environment; nil if there is none, and for lists, whose default is empty.
    package var defaultValue: String? { kind.isList ? nil : defaultText?.replacing("\"", with: "") }

    /// The help of the option: the description without the quotes that only the file needs, the default and the variable.
    package var optionHelp: String {
        let text = option ?? help.replacing("\"", with: "")
        let shown = kind == .flag || text.contains("Default: ") ? nil : defaultValue
        return "\(text)\(shown.map { " Default: \($0)." } ?? "") [\(variable)\(remark.map { ", \($0)" } ?? "")]"
    }

    /// Returns the help of another command's option that reads the same variable.
    package func optionHelp(as text: String) -> String { "\(text) [\(variable)]" }
}
