import ShimmyConfiguration
import ShimmyModels

/// Names that the configuration file gives to models.
enum ConfiguredNames {
    /// Where a name comes from, if the file gives it to a model of its own or to another one: `FILE:3 has it as an alias of small`.
    static func owner(of name: String) -> String? {
        find(name) { $0.meaning != .table }
    }

    /// As `owner`, and also if the file has a table about a model that is called so.
    static func mention(of name: String) -> String? {
        find(name) { _ in true }
    }

    private static func find(_ name: String, _ counts: (ConfiguredName) -> Bool) -> String? {
        guard let file = ProcessConfiguration.shared.file else { return nil }
        let wanted = ModelCatalog.normalized(name)
        let found = file.modelNames.first { ModelCatalog.normalized($0.name) == wanted && counts($0) }
        return found.map { "\(file.path)\($0.line.map { ":\($0)" } ?? "") has it as \($0.meaning.text)" }
    }
}

extension ConfiguredName.Meaning {
    fileprivate var text: String {
        switch self {
        case .alias(let model): "an alias of \(model)"
        case .variant(let base): "a model of your own on top of \(base)"
        case .table: "the name of a model with settings of its own"
        }
    }
}
