import Foundation
import ShimmyConfiguration
import ShimmyModels

/// The values of settings that are not on the command line: from the environment, else from the configuration file, else the defaults.
struct Environment {
    /// The effective values: the environment's variables, and the file's settings where the environment has none.
    let values: [String: String]
    private let own: [String: String]

    init(own: [String: String], file: ConfigurationFile? = nil) {
        self.own = own
        var values = own
        for setting in Settings.all where Self.isEmpty(own[setting.variable]) && Self.isEmpty(setting.rival.flatMap { own[$0] }) {
            if let text = file?.values[setting.variable] { values[setting.variable] = text }
        }
        self.values = values
    }

    /// The environment merged with the current configuration file, which may change while the server runs.
    static var process: Environment { Environment(own: ProcessConfiguration.environment, file: ProcessConfiguration.shared.file) }

    /// Returns the value of any variable; nil if it is unset or empty.
    func string(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// Whether the environment itself sets the variable, which overrides the file.
    func isOwn(_ name: String) -> Bool { !Self.isEmpty(own[name]) }

    // MARK: Settings

    /// Returns the text that the environment or the file gives to a setting; nil if neither does.
    func given(_ setting: Setting) -> String? { string(setting.variable) }

    /// Returns the number of a setting; nil if it is not given and has no default.
    func integer(_ setting: Setting) -> Int? { value(setting).flatMap { Int($0) } }

    /// Returns the bytes of a setting; nil if it is not given and has no default. Throws `ValidationError` if the text is not a size.
    func size(_ setting: Setting) throws -> Int? { try value(setting).map(ByteSize.parse) }

    /// The number of bytes that all models may use together; the default if the environment's text is not a size.
    var memoryBudget: Int { (try? size(.memoryBudget)) ?? MachineMemory.defaultBudget }

    func flag(_ setting: Setting) -> Bool { ["1", "true", "yes", "on"].contains(value(setting)?.lowercased()) }

    func list(_ setting: Setting) -> [String] { given(setting)?.split(separator: ",").map(String.init) ?? [] }

    /// Returns the word of a setting as a case of `Choice`; nil if it is not given and has no default.
    func choice<Choice: RawRepresentable<String>>(_ setting: Setting) -> Choice? { value(setting).flatMap(Choice.init(rawValue:)) }

    private func value(_ setting: Setting) -> String? { given(setting) ?? setting.defaultValue }

    // MARK: Places

    var home: String { string("HOME") ?? "/" }

    /// The directories of Shimmy's own files.
    var directories: Directories { .standard(environment: values, home: home) }

    /// Returns the places to search for models.
    /// - folders: directories to search in addition to the standard ones; if empty, the configured ones.
    func discovery(in folders: [String] = []) -> ModelDiscovery {
        ModelDiscovery(
            directories: directories, extraDirectories: folders.isEmpty ? list(.modelDir) : folders, environment: values, home: home)
    }

    private static func isEmpty(_ text: String?) -> Bool { text?.isEmpty ?? true }
}
