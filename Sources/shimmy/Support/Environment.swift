import Foundation
import ShimmyConfiguration
import ShimmyModels

/// The values of options that are not on the command line: from the environment, then from the configuration file.
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

    func string(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
    func integer(_ name: String) -> Int? { string(name).flatMap { Int($0) } }
    func flag(_ name: String) -> Bool { ["1", "true", "yes", "on"].contains(string(name)?.lowercased()) }
    func list(_ name: String, separator: Character = ",") -> [String] {
        string(name)?.split(separator: separator).map(String.init) ?? []
    }

    /// Whether the environment itself sets the variable, which overrides the file.
    func isOwn(_ name: String) -> Bool { !Self.isEmpty(own[name]) }

    var home: String { string("HOME") ?? "/" }

    /// The directories of Shimmy's own files.
    var directories: Directories { .standard(environment: values, home: home) }

    /// Returns the places to search for models.
    /// - folders: directories to search in addition to the standard ones; if empty, those of `SHIMMY_MODEL_DIR`.
    func discovery(in folders: [String] = []) -> ModelDiscovery {
        ModelDiscovery(
            directories: directories, extraDirectories: folders.isEmpty ? list("SHIMMY_MODEL_DIR") : folders, environment: values, home: home)
    }

    private static func isEmpty(_ text: String?) -> Bool { text?.isEmpty ?? true }
}
