import Foundation
import ShimmyConfiguration
import ShimmyModels

/// Options that are not given on the command line come from the environment, and then from the configuration file.
struct Environment {
    /// What holds: the environment's own, and below it what the file says.
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

    /// As it is now: the file may have changed.
    static var process: Environment { Environment(own: ProcessConfiguration.environment, file: ProcessConfiguration.shared.file) }

    func string(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
    func integer(_ name: String) -> Int? { string(name).flatMap { Int($0) } }
    func flag(_ name: String) -> Bool { ["1", "true", "yes", "on"].contains(string(name)?.lowercased()) }
    func list(_ name: String, separator: Character = ",") -> [String] {
        string(name)?.split(separator: separator).map(String.init) ?? []
    }

    /// Whether it is said by the environment itself, and so wins over all of the file.
    func isOwn(_ name: String) -> Bool { !Self.isEmpty(own[name]) }

    var home: String { string("HOME") ?? "/" }

    /// Where Shimmy's own files are.
    var directories: Directories { .standard(environment: values, home: home) }

    /// Where models are looked for.
    /// - folders: beside the usual places; none for those of the environment.
    func discovery(in folders: [String] = []) -> ModelDiscovery {
        ModelDiscovery(
            directories: directories, extraDirectories: folders.isEmpty ? list("SHIMMY_MODEL_DIR") : folders, environment: values, home: home)
    }

    private static func isEmpty(_ text: String?) -> Bool { text?.isEmpty ?? true }
}
