import ArgumentParser
import ShimmyConfiguration
import ShimmyModels

/// The options with which a command finds models, and the settings of the models that it finds.
protocol ModelSearch {
    /// The directories to search in addition to the standard ones; if empty, the configured ones.
    var modelDir: [String] { get }
    /// The context length of all models; nil if the command line does not set it.
    var ctxSize: Int? { get }
    /// The max number of running sequences of a model; nil if the command line does not set it.
    var slots: Int? { get }
}

extension ModelSearch {
    var ctxSize: Int? { nil }
    var slots: Int? { nil }

    private var environment: Environment { .process }

    var discovery: ModelDiscovery { environment.discovery(in: modelDir) }

    var aliasFile: AliasFile { AliasFile(directory: environment.directories.data) }

    var createdModelFile: CreatedModelFile { CreatedModelFile(directory: environment.directories.data) }

    /// Returns the catalog of the models on the disk and, if the fleet of this process has started, of the upstream servers.
    /// - file: a model given by its path, which need not be in a searched directory.
    /// - claudeModel: the name of the model for names of Claude; nil for none.
    func catalog(including file: String? = nil, claudeModel: String? = nil) -> ModelCatalog {
        var records = discovery.scan()
        if let file, let record = ModelCatalog.record(forFile: file) {
            records.removeAll { $0.path == record.path || $0.id == record.id }
            records.append(record)
        }
        let book = ModelBook.current
        return ModelCatalog(
            records: records, upstreams: ConfiguredUpstreams.shared.records, aliases: aliasFile.aliases.merging(book.aliases) { $1 },
            variants: book.variants + createdModelFile.variants,
            claudeModel: claudeModel, loadsAlone: book.loadsAlone)
    }

    /// Returns the name of the requested model, or of the only usable one. Exits with the documented code if there are none or several.
    func modelName(_ asked: String?) throws -> String {
        if let name = asked ?? environment.given(.model) { return name }
        let usable = catalog().records.filter(\.isUsable)
        guard let only = usable.onlyChoice else {
            Console.error(
                usable.isEmpty
                    ? "no models were found; \(StarterModel.hint)" : "there are several models: choose one with --model ('shimmy list' lists them)")
            throw ExitStatus.modelNotFound
        }
        return only.id
    }

    /// Returns the record of a model given by name, or by path if `byPath` is set. Exits with the documented codes if it does not exist or cannot be
    /// used.
    func resolve(_ name: String, byPath: Bool = true) throws -> ModelRecord {
        if byPath, let record = ModelCatalog.record(forFile: name) { return try checked(record) }
        let catalog = catalog()
        guard let record = catalog.resolve(name) else {
            Console.error(Self.absence(of: name, in: catalog))
            throw ExitStatus.modelNotFound
        }
        return try checked(record)
    }

    /// Returns the error message for a name that does not resolve to a model.
    private static func absence(of name: String, in catalog: ModelCatalog) -> String {
        let candidates = catalog.candidates(for: name).map(\.id)
        if !candidates.isEmpty { return ModelError.ambiguous(name, ids: candidates).description }
        let names = catalog.records.filter(\.isLoadable).map(\.id)
        if ["/", "./", "../", "~"].contains(where: name.hasPrefix) { return "no model named \(name) was found: there is no such file or folder." }
        let isAddress = name.split(separator: "/", omittingEmptySubsequences: false).count == 2
        if names.isEmpty, !isAddress { return "no model named \(name) was found, and no other one; \(StarterModel.hint)." }
        let hint = isAddress ? " 'shimmy pull \(name)' fetches a model from the hub." : ""
        return "no model named \(name) was found; 'shimmy list' shows the models." + NameSuggestions.text(for: name, among: names) + hint
    }

    private func checked(_ record: ModelRecord) throws -> ModelRecord {
        if let problem = record.problem {
            Console.error("the model \(record.id) cannot be used: \(problem)")
            throw ExitStatus.modelUnusable
        }
        return record
    }
}
