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

    @Option(help: "Directory to search for models, in addition to the standard ones. Repeatable. [SHIMMY_MODEL_DIR, comma-separated]")
    var modelDir: [String] = []

    @Option(
        help: """
            Context length in tokens. Default: the trained length if it fits in half of the memory budget, else at least 8192. \
            [SHIMMY_CTX_SIZE]
            """)
    var ctxSize: Int?

    @Option(help: "Threads for computation. Default: the number of physical cores. [SHIMMY_THREADS]")
    var threads: Int?

    @Option(help: "Max running sequences of a model, 1 to 256. Default: 32. [SHIMMY_SLOTS]")
    var slots: Int?

    @Option(help: "Max milliseconds between two tokens of a running stream, under any load. Default: 100. [SHIMMY_STREAM_GAP]")
    var streamGap: Int?

    @Option(
        help: "Max waiting sequences of a model, in addition to running ones; further requests get status 429. Default: 256. [SHIMMY_QUEUE]")
    var queue: Int?

    @Option(help: "Directory for cached prefixes, for use after a restart. Default: none. [SHIMMY_PREFIX_CACHE_DIR]")
    var prefixCacheDir: String?

    @Option(
        help: "Max bytes of the cached prefixes on the disk, such as 500M or 4G. Default: 4G. [SHIMMY_PREFIX_CACHE_SIZE]",
        transform: ByteSize.parse)
    var prefixCacheSize: Int?

    @Option(help: "CPU kernels: auto (Shimmy's own, if the processor supports them) or off (ggml's). Default: auto. [SHIMMY_CPU_KERNELS]")
    var cpuKernels: CPUKernels.Choice?

    @Option(help: "File with a Jinja chat template to use instead of the models' own. [SHIMMY_CHAT_TEMPLATE_FILE]")
    var chatTemplateFile: String?

    @Option(
        help: """
            LoRA adapter for all compatible models, as NAME=FILE or NAME=FILE:SCALE (default scale: 1). The scale applies to requests without a \
            list of adapters. Repeatable. [SHIMMY_LORA, comma-separated]
            """)
    var lora: [String] = []

    @Flag(help: "Compute one sequence at a time and reuse nothing, so that equal requests get bit-identical responses. [SHIMMY_DETERMINISTIC]")
    var deterministic = false

    @Option(
        help: """
            Min level of log messages: trace, debug, info, notice, warning, error or critical. Default: info for 'shimmy serve', warning for other \
            commands. [SHIMMY_LOG_LEVEL]
            """, transform: Logs.level)
    var logLevel: Logger.Level?

    @Option(help: "Format of log messages: text or json. Default: text. [SHIMMY_LOG_FORMAT]")
    var logFormat: LogFormat?

    func validate() throws {
        try OptionRanges.check("ctx_size", ctxSize)
        try OptionRanges.check("threads", threads)
        try OptionRanges.check("stream_gap", streamGap)
        try OptionRanges.check("queue", queue)
        try OptionRanges.check("slots", slots)
        try OptionRanges.checkEnvironment()
    }

    private var environment: Environment { .process }

    /// Returns the logger of the program.
    /// - quiet: whether the default level is warning rather than info, for commands that print their result.
    func logger(quiet: Bool) -> Logger {
        let level = level(quiet: quiet)
        let format = logFormat ?? environment.string("SHIMMY_LOG_FORMAT").flatMap(LogFormat.init(rawValue:)) ?? .text
        return Logs.make(level: level, format: format)
    }

    func level(quiet: Bool) -> Logger.Level {
        logLevel ?? environment.string("SHIMMY_LOG_LEVEL").flatMap(Logger.Level.init(rawValue:)) ?? (quiet ? .warning : .info)
    }

    var discovery: ModelDiscovery { environment.discovery(in: modelDir) }

    var aliasFile: AliasFile { AliasFile(directory: environment.directories.data) }

    /// Returns the directory of cached prefixes; nil if none is configured. Throws `ValidationError` if the environment's value is not a size.
    func prefixes(_ logger: Logger) throws -> PrefixDirectory? {
        guard let path = prefixCacheDir ?? environment.string("SHIMMY_PREFIX_CACHE_DIR") else { return nil }
        let size = try prefixCacheSize ?? environment.string("SHIMMY_PREFIX_CACHE_SIZE").map(ByteSize.parse)
        return PrefixDirectory(path: path, limit: size ?? 4_000_000_000, logger: logger)
    }

    /// Checks the template that is given for all models. Throws `ValidationError` if it cannot be read or does not parse.
    private func checkChatTemplate() throws {
        guard let path = chatTemplateFile ?? environment.string("SHIMMY_CHAT_TEMPLATE_FILE") else { return }
        guard let source = try? String(contentsOfFile: path, encoding: .utf8) else { throw ValidationError("\(path) cannot be read.") }
        do {
            _ = try LlamaChatTemplate(source: source)
        } catch {
            throw ValidationError("\(path): \(error).")
        }
    }

    func loader(_ logger: Logger) throws -> ModelLoader {
        var engine = EngineHandle.Options(logger: logger)
        if let gap = streamGap ?? environment.integer("SHIMMY_STREAM_GAP") { engine.target.gap = Double(gap) / 1000 }
        if let queue = queue ?? environment.integer("SHIMMY_QUEUE") { engine.queue = queue }
        engine.isDeterministic = deterministic || environment.flag("SHIMMY_DETERMINISTIC")
        CPUKernels.install(cpuKernels ?? environment.string("SHIMMY_CPU_KERNELS").flatMap(CPUKernels.Choice.init(rawValue:)) ?? .auto)
        try checkChatTemplate()
        return ModelLoader(
            chatTemplate: { try chatTemplate(for: $0)?.source }, threads: threads ?? environment.integer("SHIMMY_THREADS"), engine: engine,
            adapters: try (lora.isEmpty ? environment.list("SHIMMY_LORA") : lora).map(LoRAOption.parse),
            memoryBudget: try environment.string("SHIMMY_MEMORY_BUDGET").map(ByteSize.parse) ?? MachineMemory.defaultBudget,
            conversions: Conversions(in: environment.directories),
            logger: logger)
    }

    /// Returns the catalog of the models on the disk.
    /// - file: a model given by its path, which need not be in a searched directory.
    func catalog(including file: String? = nil) -> ModelCatalog {
        var records = discovery.scan()
        if let file, let record = ModelCatalog.record(forFile: file) {
            records.removeAll { $0.path == record.path || $0.id == record.id }
            records.append(record)
        }
        let book = ModelBook.current
        return ModelCatalog(
            records: records, aliases: aliasFile.aliases.merging(book.aliases) { $1 }, variants: book.variants, loadsAlone: book.loadsAlone)
    }

    /// Returns the name of the requested model, or of the only usable one. Exits with the documented code if there are none or several.
    func modelName(_ asked: String?) throws -> String {
        if let name = asked ?? environment.string("SHIMMY_MODEL") { return name }
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
