import ArgumentParser
import ShimmyConfiguration

/// Checks numbers from the command line and texts from the environment against the ranges of their settings, so that later conversions cannot fail.
enum OptionRanges {
    /// Throws `ValidationError` with the option and its allowed range if `value` is out of range.
    static func check(_ setting: Setting, _ value: Int?) throws {
        guard let value, case .integer(let range) = setting.kind, !range.contains(value) else { return }
        throw ValidationError("\(setting.optionName) is \(value); it must be \(setting.kind.expectation).")
    }

    /// Throws `ValidationError` for the first variable whose text its setting does not accept.
    static func checkEnvironment(_ environment: [String: String] = ProcessConfiguration.environment) throws {
        for setting in Settings.all {
            guard let text = environment[setting.variable], !text.isEmpty, !setting.kind.accepts(text) else { continue }
            let shown = setting.isSecret ? "has an empty key" : "is '\(text)'; it must be \(setting.kind.expectation)"
            throw ValidationError("\(setting.variable) \(shown).")
        }
    }

    /// Throws `ValidationError` if a variable for API keys is set but empty. The user meant to set a key; without one the server would be open.
    static func checkKeys(_ environment: [String: String] = ProcessConfiguration.environment) throws {
        for setting in [Setting.apiKey, .apiKeyFile] where environment[setting.variable]?.allSatisfy(\.isWhitespace) == true {
            throw ValidationError("\(setting.variable) is set but empty. Give it a value, or unset it to use none.")
        }
    }
}
