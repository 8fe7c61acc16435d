import ArgumentParser
import ShimmyAPI
import ShimmyChat
import ShimmyClient
import ShimmyConfiguration
import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyJSON
import ShimmyLlama
import ShimmyModels

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the contents of a model's file: properties, capabilities, tensors, template.",
        discussion: "Shows a model of this machine or, with --host, the server's shorter description of its model.")

    @OptionGroup var options: CatalogOptions

    @OptionGroup var client: ClientOptions

    @Option(help: "Context length for the memory estimate, in tokens. Default: the length with the current settings.")
    var context: Int?

    @Flag(help: "Print JSON with all details.")
    var json = false

    @Flag(help: "Print only the chat template.")
    var template = false

    @Flag(help: "Also print the metadata.")
    var metadata = false

    @Argument(help: "Model name or path.", completion: ModelNames.completion)
    var model: String

    func validate() throws {
        if let context, !EngineRanges.context.contains(context) {
            throw ValidationError("--context must be \(EngineRanges.context.lowerBound) to \(EngineRanges.context.upperBound).")
        }
    }

    func run() async throws {
        if client.namesServer { return try await showServers() }
        await ConfiguredUpstreams.shared.look()
        try showOwn()
    }

    private func showServers() async throws {
        try await client.withServer { server in
            let peer = ServerPeer(client: server)
            let text: String
            if template {
                text = try await peer.template(model)
            } else if json {
                text = try await server.get("/v1/models/\(ServerClient.encoded(model))").pretty()
            } else {
                text = Console.table(try await peer.facts(model))
            }
            Console.print(text)
        }
    }

    private func showOwn() throws {
        LlamaBackend.start(logger: LogOptions.quiet)
        let record = try options.resolve(model)
        let details: ModelDetails
        do {
            details = try ModelDetails(
                record, context: context ?? (try options.plannedContextLength(record)), aliases: options.catalog().aliases(of: record))
        } catch {
            Console.error("the model \(record.id) cannot be read: \(error)")
            throw ExitStatus.modelUnusable
        }
        if template {
            guard let text = details.template else {
                Console.error("\(record.id) has no chat template of its own; ChatML is used instead")
                throw ExitStatus.failure
            }
            Console.print(text)
        } else if json {
            Console.print(details.json.pretty())
        } else {
            Console.print(Console.table(details.rows))
            Console.print("\n" + Console.table([["TENSORS", "NUMBER", "SIZE"]] + details.tensorRows))
            if metadata { Console.print("\n" + Console.table([["METADATA", ""]] + details.metadataRows)) }
        }
    }
}

/// The facts in a model's files, without its weights.
struct ModelDetails {
    let record: ModelRecord
    private let headers: [GGUFHeader]
    /// The number of context tokens with which the model is served, and for the memory estimate; nil if unknown.
    private let context: Int?
    private let aliases: [String]
    /// The settings of the model's requests that do not come from the client.
    private let preset: RequestPreset

    /// Reads the headers of the model's files. A folder of SafeTensors has no GGUF header; only its converted file has one.
    init(_ record: ModelRecord, context: Int?, aliases: [String]) throws {
        self.record = record
        self.context = context
        self.aliases = aliases
        preset = ModelBook.current.request(for: record)
        headers = record.isFolder ? [] : try record.shards.map { try GGUFHeader.read(path: $0) }
    }

    var template: String? { headers.first?.metadata["tokenizer.chat_template"]?.stringValue }

    /// The kinds of requests that the model can answer, and the features of its chat template.
    var capabilities: [String] {
        guard record.isLoadable else { return [] }
        var all = record.roles.map(\.rawValue) + (record.upstream?.abilities ?? [])
        guard record.roles.contains(.chat), let template, let parsed = try? LlamaChatTemplate(source: template) else { return all }
        if parsed.knowsTools { all.append("tools") }
        if parsed.canThink { all.append("thinking") }
        return all
    }

    /// The memory that the model would use when loaded; nil if unknown.
    private var memory: MemoryUse? { record.memory?.use(contextLength: context) }

    /// The note about a template that users may expect to apply but that does not; nil if there is none.
    private var unusedTemplate: String? {
        guard record.hints.hasForeignTemplate else { return nil }
        return "Ollama's Go template: \(template == nil ? "ChatML" : "the model's own chat template") is used instead"
    }

    /// The number of tensors and their bytes for each type, the largest type first.
    private var tensors: [(type: String, count: Int, bytes: Int)] {
        var sums: [String: (count: Int, bytes: Int)] = [:]
        for tensor in headers.flatMap(\.tensors) {
            sums[tensor.type.name, default: (0, 0)].count += 1
            sums[tensor.type.name, default: (0, 0)].bytes = (sums[tensor.type.name]?.bytes ?? 0).saturated(adding: tensor.sizeBytes)
        }
        return sums.map { ($0.key, $0.value.count, $0.value.bytes) }.sorted { ($1.bytes, $0.type) < ($0.bytes, $1.type) }
    }

    private var metadata: [(key: String, value: GGUFValue)] {
        (headers.first?.metadata ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    // MARK: Text output

    var rows: [[String]] {
        let facts = ModelFacts.rows(
            id: record.id, family: record.architecture, parameters: record.parameterCount, quantization: record.quantization,
            size: record.upstream == nil ? record.sizeBytes : nil, context: context ?? record.contextLength, source: record.source.label)
        var more = presetRows + [["capabilities", capabilities.joined(separator: ", ")]]
        if let upstream = record.upstream { return facts + more + [["upstreams", upstream.servers.joined(separator: ", ")]] }
        more.append(["path", record.path])
        if let memory, let context {
            let parts = "weights \(Console.size(memory.weights)), cache \(Console.size(memory.cache)), computing \(Console.size(memory.compute))"
            more.append(["memory", "about \(Console.size(memory.total)) with \(context) tokens of context (\(parts))"])
        }
        if record.shards.count > 1 { more.append(["parts", "\(record.shards.count)"]) }
        if let projector = record.projector { more.append(["projector", projector]) }
        if record.kind == .model, !record.isFolder { more.append(["template", template == nil ? "none: ChatML" : "its own (--template shows it)"]) }
        if let template = unusedTemplate { more.append(["not used", template]) }
        if let licence = headers.first?.metadata["general.license"]?.stringValue { more.append(["licence", licence]) }
        return facts + more
    }

    /// The rows about the names and the settings that users gave to the model.
    private var presetRows: [[String]] {
        var rows: [[String]] = []
        if let trained = record.contextLength, let context, trained != context { rows.append(["trained context", "\(trained) tokens"]) }
        if let base = record.base { rows.append(["base", base]) }
        if !aliases.isEmpty { rows.append(["aliases", aliases.joined(separator: ", ")]) }
        if !preset.system.isEmpty { rows.append(["system", Self.line(preset.system)]) }
        for (name, fields) in [("defaults", preset.defaults), ("forced", preset.forced)] where !fields.isEmpty {
            rows.append([name, Self.line(fields.map { "\($0.key)=\($0.value.text)" }.joined(separator: ", "))])
        }
        return rows
    }

    /// Returns the beginning of a text as one line.
    private static func line(_ text: String) -> String {
        let line = text.prefix(80).replacing("\n", with: "⏎")
        return line.count < text.count ? line + "…" : String(line)
    }

    var tensorRows: [[String]] { tensors.map { [$0.type, "\($0.count)", Console.size($0.bytes)] } }

    var metadataRows: [[String]] {
        metadata.map { key, value in [key, Self.line(value.text)] }
    }

    // MARK: JSON output

    var json: JSON {
        var object = record.json.objectValue ?? [:]
        object["context_length"] = (context ?? record.contextLength).map(JSON.int) ?? .null
        object["trained_context_length"] = record.contextLength.map(JSON.int) ?? .null
        object["base"] = record.base.map(JSON.string) ?? .null
        object["aliases"] = .array(aliases.map(JSON.string))
        object["system"] = preset.system.isEmpty ? JSON.null : JSON.string(preset.system)
        object["defaults"] = .object(preset.defaults)
        object["forced"] = .object(preset.forced)
        object["capabilities"] = .array(capabilities.map(JSON.string))
        object["tensors"] = .array(tensors.map { ["type": .string($0.type), "count": .int($0.count), "size_bytes": .int($0.bytes)] })
        object["memory"] =
            memory.map {
                [
                    "context_length": context.map(JSON.int) ?? .null, "weights": .int($0.weights), "cache": .int($0.cache),
                    "compute": .int($0.compute),
                    "total": .int($0.total),
                ]
            } ?? .null
        object["template"] = template.map(JSON.string) ?? .null
        object["unused_template"] = unusedTemplate.map(JSON.string) ?? .null
        var facts: JSONObject = [:]
        for (key, value) in metadata where key != "tokenizer.chat_template" { facts[key] = value.json }
        object["metadata"] = .object(facts)
        return .object(object)
    }
}

extension GGUFValue {
    fileprivate var text: String { stringValue ?? json.text }

    /// The value as JSON. Of an array only the number of elements is shown, since most arrays are vocabularies.
    fileprivate var json: JSON {
        if case .array(_, let count) = self { return .string("\(count) values") }
        return scalar ?? .null
    }
}
