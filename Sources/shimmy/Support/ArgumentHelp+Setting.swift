import ArgumentParser
import ShimmyConfiguration

extension ArgumentHelp {
    /// Returns the help of a setting's option.
    static func setting(_ setting: Setting) -> ArgumentHelp { ArgumentHelp(setting.optionHelp) }

    /// Returns the help of an option that is not the setting's own but reads the same variable.
    static func setting(_ setting: Setting, as text: String) -> ArgumentHelp { ArgumentHelp(setting.optionHelp(as: text)) }
}
