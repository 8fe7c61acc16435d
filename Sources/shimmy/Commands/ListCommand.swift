import ArgumentParser
import ShimmyClient
import ShimmyJSON
import ShimmyModels

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the models available for serving.",
        discussion: """
            Lists the models of this machine or, with --host, those of the server. Column LOADED comes from the server; it is '-' if no server \
            answers at once. On a narrow terminal, columns are left out.
            """,
        aliases: ["ls"])

    @OptionGroup var options: CatalogOptions

    @OptionGroup var client: ClientOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print names only, one per line.")
    var names = false

    func run() async throws {
        if client.namesServer { try await listServer() } else { try await listThisMachine() }
    }

    private func listThisMachine() async throws {
        await ConfiguredUpstreams.shared.look()
        let catalog = options.catalog()
        let records = catalog.records
        if names {
            for record in records where record.isLoadable { Console.print(record.id) }
            return
        }
        let status = await client.ifThere { server in
            do {
                return try await server.get("/v1/engine", within: 1)
            } catch let error as ClientError {
                if case .refused(let status?, _, _) = error, [401, 403].contains(status) { Console.log("LOADED is unknown: \(error.forPeople)") }
                throw error
            }
        }
        let loaded = status.map { Set(RunningModel.loaded(in: $0)) }
        if json {
            let all = try records.map { record -> JSON in
                var object = record.json.objectValue ?? [:]
                object["aliases"] = .array(catalog.aliases(of: record).map(JSON.string))
                object["context_length"] = try options.plannedContextLength(record).map(JSON.int) ?? .null
                object["trained_context_length"] = record.contextLength.map(JSON.int) ?? .null
                object["loaded"] = Self.isLoaded(record, loaded).map(JSON.bool) ?? .null
                return .object(object)
            }
            Console.print(JSON.array(all).pretty())
            return
        }
        // A damaged file is listed with its problem, so that users see why the model is not available.
        let models = records.filter { $0.isLoadable || $0.problem != nil }
        if models.isEmpty {
            Console.print("No models found. \(StarterModel.hint); 'shimmy discover' shows the search directories.")
            return
        }
        Self.show(try models.map { try row($0, aliases: catalog.aliases(of: $0), loaded: loaded) })
    }

    private func listServer() async throws {
        let models = try await client.withServer { try await $0.get("/v1/models") }["data"]?.arrayValue ?? []
        if names {
            for model in models { Console.print(model["id"]?.stringValue ?? "") }
        } else if json {
            Console.print(JSON.array(models).pretty())
        } else if models.isEmpty {
            Console.print("The server has no models.")
        } else {
            Self.show(models.map(Self.row))
        }
    }

    private static func show(_ rows: [[String]]) {
        Console.print(Console.table([head] + rows, width: Console.width, optionalColumns: [7, 1, 2, 6, 3, 4, 5]))
    }

    private static let head = ["NAME", "FAMILY", "PARAMETERS", "QUANT", "SIZE", "CONTEXT", "LOADED", "SOURCE", ""]

    /// Returns the table row of a model.
    /// - model: the model object of `GET /v1/models`.
    private static func row(_ model: JSON) -> [String] {
        let facts = model["shimmy"]
        return [
            model["id"]?.stringValue ?? "-", facts?["architecture"]?.stringValue ?? "-", facts?["parameters"]?.intValue.map(Console.count) ?? "-",
            facts?["quantization"]?.stringValue ?? "-", facts?["size_bytes"]?.intValue.map(Console.size) ?? "-",
            facts?["context_length"]?.intValue.map { "\($0)" } ?? "-", facts?["loaded"]?.boolValue.map { $0 ? "yes" : "no" } ?? "-",
            facts?["source"]?.stringValue ?? "-", note(problem: facts?["problem"]?.stringValue, aliases: []),
        ]
    }

    private func row(_ record: ModelRecord, aliases: [String], loaded: Set<String>?) throws -> [String] {
        [
            record.id, record.architecture ?? "-", record.parameterCount.map(Console.count) ?? "-", record.quantization ?? "-",
            record.upstream == nil ? Console.size(record.sizeBytes) : "-", try options.plannedContextLength(record).map { "\($0)" } ?? "-",
            Self.isLoaded(record, loaded).map { $0 ? "yes" : "no" } ?? "-", Self.source(of: record),
            Self.note(problem: record.problem, aliases: aliases),
        ]
    }

    /// Returns whether the server has loaded a model; nil if that is unknown, or an upstream server loads it.
    /// - loaded: the ids of the loaded models; nil if no server answers.
    private static func isLoaded(_ record: ModelRecord, _ loaded: Set<String>?) -> Bool? {
        record.upstream == nil ? loaded?.contains(record.loaded.id) : nil
    }

    /// Returns the source of a model and, for a model of upstream servers, their names in the configuration.
    private static func source(of record: ModelRecord) -> String {
        guard let upstream = record.upstream else { return record.source.label }
        return "\(record.source.label) \(upstream.servers.joined(separator: ", "))"
    }

    private static func note(problem: String?, aliases: [String]) -> String {
        problem.map { "unusable: \($0)" } ?? (aliases.isEmpty ? "" : "also \(aliases.joined(separator: ", "))")
    }
}

extension ModelRecord {
    /// The record for `--json`.
    var json: JSON {
        [
            "id": .string(id), "path": .string(path), "source": .string(source.label), "kind": .string(kind.rawValue),
            "architecture": architecture.map(JSON.string) ?? .null, "parameters": parameterCount.map(JSON.int) ?? .null,
            "quantization": quantization.map(JSON.string) ?? .null, "context_length": contextLength.map(JSON.int) ?? .null,
            "projector": projector.map(JSON.string) ?? .null, "size_bytes": .int(sizeBytes), "modified": .int(modified),
            "shards": .array(shards.map(JSON.string)), "upstreams": .array((upstream?.servers ?? []).map(JSON.string)),
            "problem": problem.map(JSON.string) ?? .null,
        ]
    }
}
