import ArgumentParser
import Foundation
import Logging
import ShimmyChat
import ShimmyConfiguration
import ShimmyEngine
import ShimmyLlama
import ShimmyModels

/// The options of every command that loads models.
struct ModelOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    @Option(help: .setting(.modelDir))
    var modelDir: [String] = []

    @Option(help: .setting(.ctxSize))
    var ctxSize: Int?

    @Option(help: .setting(.threads))
    var threads: Int?

    @Option(help: .setting(.slots))
    var slots: Int?

    @Option(help: .setting(.streamGap))
    var streamGap: Int?

    @Option(help: .setting(.queue))
    var queue: Int?

    @Option(help: .setting(.prefixCacheDir))
    var prefixCacheDir: String?

    @Option(help: .setting(.prefixCacheSize), transform: ByteSize.parse)
    var prefixCacheSize: Int?

    @Option(help: .setting(.cpuKernels))
    var cpuKernels: CPUKernels.Choice?

    @Option(help: .setting(.chatTemplateFile))
    var chatTemplateFile: String?

    @Option(help: .setting(.lora))
    var lora: [String] = []

    @Flag(help: .setting(.deterministic))
    var deterministic = false

    @Option(help: .setting(.logLevel), transform: Logs.level)
    var logLevel: Logger.Level?

    @Option(help: .setting(.logFormat))
    var logFormat: LogFormat?

    @Flag(help: .setting(.logText))
    var logText = false

    func validate() throws {
        try OptionRanges.check(.ctxSize, ctxSize)
        try OptionRanges.check(.threads, threads)
        try OptionRanges.check(.streamGap, streamGap)
        try OptionRanges.check(.queue, queue)
        try OptionRanges.check(.slots, slots)
        try OptionRanges.checkEnvironment()
    }

    private var environment: Environment { .process }

    /// Returns the logger of the program.
    /// - quiet: whether the default level is warning rather than info, for commands that print their result.
    func logger(quiet: Bool) -> Logger {
        let level = level(quiet: quiet)
        return Logs.make(level: level, format: logFormat ?? environment.choice(.logFormat) ?? .text)
    }

    func level(quiet: Bool) -> Logger.Level {
        logLevel ?? environment.given(.logLevel).flatMap(Logger.Level.init(rawValue:)) ?? (quiet ? .warning : .info)
    }

    var discovery: ModelDiscovery { environment.discovery(in: modelDir) }

    var aliasFile: AliasFile { AliasFile(directory: environment.directories.data) }

    var createdModelFile: CreatedModelFile { CreatedModelFile(directory: environment.directories.data) }

    /// Returns the directory of cached prefixes; nil if none is configured. Throws `ValidationError` if the environment's value is not a size.
    func prefixes(_ logger: Logger) throws -> PrefixDirectory? {
        guard let path = prefixCacheDir ?? environment.given(.prefixCacheDir) else { return nil }
        let size = try prefixCacheSize ?? environment.size(.prefixCacheSize)
        return PrefixDirectory(path: path, limit: size ?? 4_000_000_000, logger: logger)
    }

    /// Checks the template that is given for all models. Throws `ValidationError` if it cannot be read or does not parse.
    private func checkChatTemplate() throws {
        guard let path = chatTemplateFile ?? environment.given(.chatTemplateFile) else { return }
        guard let source = try? String(contentsOfFile: path, encoding: .utf8) else { throw ValidationError("\(path) cannot be read.") }
        do {
            _ = try LlamaChatTemplate(source: source)
        } catch {
            throw ValidationError("\(path): \(error).")
        }
    }

    func loader(_ logger: Logger) throws -> ModelLoader {
        var engine = EngineHandle.Options(logger: logger)
        if let gap = streamGap ?? environment.integer(.streamGap) { engine.target.gap = Double(gap) / 1000 }
        if let queue = queue ?? environment.integer(.queue) { engine.queue = queue }
        engine.isDeterministic = deterministic || environment.flag(.deterministic)
        CPUKernels.install(cpuKernels ?? environment.choice(.cpuKernels) ?? .auto)
        try checkChatTemplate()
        return ModelLoader(
            chatTemplate: { try chatTemplate(for: $0)?.source }, threads: threads ?? environment.integer(.threads), engine: engine,
            adapters: try (lora.isEmpty ? environment.list(.lora) : lora).map(LoRAOption.parse),
            memoryBudget: try environment.size(.memoryBudget) ?? MachineMemory.defaultBudget,
            conversions: Conversions(in: environment.directories),
            logger: logger, logsText: logText || environment.flag(.logText))
    }

    /// Returns the catalog of the models on the disk.
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
            records: records, aliases: aliasFile.aliases.merging(book.aliases) { $1 }, variants: book.variants + createdModelFile.variants,
            claudeModel: claudeModel, loadsAlone: book.loadsAlone)
    }

    /// Returns the name of the requested model, or of the only usable one. Exits with the documented code if there are none or several.
    func modelName(_ asked: String?) throws -> String {
        if let name = asked ?? environment.given(.model) { return name }
        let usable = catalog().records.filter(\.isUsable)
        guard usable.count == 1 else {
            Console.error(usable.isEmpty ? "no models were found" : "there are several models: choose one with --model ('shimmy list' lists them)")
            throw ExitStatus.modelNotFound
        }
        return usable[0].id
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
        let hint = isAddress ? " 'shimmy pull \(name)' fetches a model from the hub." : ""
        return "no model named \(name) was found; 'shimmy list' shows the models." + Suggestions.text(for: name, among: names) + hint
    }

    private func checked(_ record: ModelRecord) throws -> ModelRecord {
        if let problem = record.problem {
            Console.error("the model \(record.id) cannot be used: \(problem)")
            throw ExitStatus.modelUnusable
        }
        return record
    }
}

extension CPUKernels.Choice: ExpressibleByArgument {}
