import ArgumentParser
import ShimmyConfiguration

/// Holds numbers from the command line and texts from the environment to what their settings allow, so that no conversion of them can fail later.
enum OptionRanges {
    /// Throws `ValidationError` that names the option and what is allowed.
    /// - key: the setting's, such as `request_seconds`.
    static func check(_ key: String, _ value: Int?) throws {
        guard let value, let setting = Settings.all.first(where: { $0.key == key }), case .integer(let range) = setting.kind,
            !range.contains(value)
        else { return }
        let option = "--" + key.replacing("_", with: "-")
        throw ValidationError("\(option) is \(value); it takes \(setting.kind.expectation).")
    }

    /// Throws `ValidationError` for the first variable whose text is not what its setting takes.
    static func checkEnvironment(_ environment: [String: String] = ProcessConfiguration.environment) throws {
        for setting in Settings.all {
            guard let text = environment[setting.variable], !text.isEmpty, !setting.kind.accepts(text) else { continue }
            let shown = setting.isSecret ? "has an empty key" : "is '\(text)'; it takes \(setting.kind.expectation)"
            throw ValidationError("\(setting.variable) \(shown).")
        }
    }

    /// Throws `ValidationError` for a variable of keys that is set and empty: it was not filled in, and would leave a server open.
    static func checkKeys(_ environment: [String: String] = ProcessConfiguration.environment) throws {
        for variable in ["SHIMMY_API_KEY", "SHIMMY_API_KEY_FILE"] where environment[variable]?.allSatisfy(\.isWhitespace) == true {
            throw ValidationError("\(variable) is set and empty. Give it a value, or unset it to use none.")
        }
    }
}
