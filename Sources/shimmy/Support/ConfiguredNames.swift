import ShimmyConfiguration
import ShimmyModels

/// The model names that the configuration file defines.
enum ConfiguredNames {
    /// Returns where the file defines `name` as an alias or a variant, such as `FILE:3 has it as an alias of small`; nil if it does not.
    static func owner(of name: String) -> String? {
        find(name) { $0.meaning != .table }
    }

    /// Returns the same as `owner`, and also finds a model table with that name.
    static func mention(of name: String) -> String? {
        find(name) { _ in true }
    }

    private static func find(_ name: String, _ counts: (ConfiguredName) -> Bool) -> String? {
        guard let file = ProcessConfiguration.shared.file else { return nil }
        let wanted = ModelCatalog.normalized(name)
        let found = file.modelNames.first { ModelCatalog.normalized($0.name) == wanted && counts($0) }
        return found.map { "\(file.path)\($0.line.map { ":\($0)" } ?? "") defines it as \($0.meaning.text)" }
    }
}

extension ConfiguredName.Meaning {
    fileprivate var text: String {
        switch self {
        case .alias(let model): "an alias of \(model)"
        case .variant(let base): "a model based on \(base)"
        case .table: "a model with its own settings"
        }
    }
}
