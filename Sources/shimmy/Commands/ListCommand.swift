import ArgumentParser
import ShimmyClient
import ShimmyJSON
import ShimmyModels

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the models available for serving.",
        discussion: """
            Lists the models of this machine or, with --host, those of the server. Column LOADED comes from the server; it is '-' if no server \
            answers at once.
            """)

    @OptionGroup var options: ModelOptions

    @OptionGroup var client: ClientOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print names only, one per line.")
    var names = false

    func run() async throws {
        if client.namesServer { try await listServer() } else { try await listThisMachine() }
    }

    private func listThisMachine() async throws {
        let records = options.catalog().records
        if names {
            for record in records where record.isLoadable { Console.print(record.id) }
            return
        }
        let status = await client.ifThere { try await $0.get("/v1/engine", within: 1) }
        let loaded = status.map { Set(RunningModel.loaded(in: $0)) }
        if json {
            Console.print(JSON.array(records.map { $0.json(loaded: loaded?.contains($0.loaded.id)) }).pretty())
            return
        }
        // A damaged file is listed with its problem, so that users see why the model is not available.
        let models = records.filter { $0.isLoadable || $0.problem != nil }
        if models.isEmpty {
            Console.print("No models found. 'shimmy pull USER/REPO' fetches one; 'shimmy discover' shows the search directories.")
            return
        }
        Console.print(Console.table([Self.head] + models.map { Self.row($0, loaded: loaded) }))
    }

    private func listServer() async throws {
        let models = try await client.withServer { try await $0.get("/v1/models") }["data"]?.arrayValue ?? []
        if names {
            for model in models { Console.print(model["id"]?.stringValue ?? "") }
        } else if json {
            Console.print(JSON.array(models).pretty())
        } else {
            Console.print(models.isEmpty ? "The server has no models." : Console.table([Self.head] + models.map(Self.row)))
        }
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
            facts?["source"]?.stringValue ?? "-", facts?["problem"]?.stringValue.map { "unusable: \($0)" } ?? "",
        ]
    }

    private static func row(_ record: ModelRecord, loaded: Set<String>?) -> [String] {
        [
            record.id, record.architecture ?? "-", record.parameterCount.map(Console.count) ?? "-", record.quantization ?? "-",
            Console.size(record.sizeBytes), record.contextLength.map { "\($0)" } ?? "-",
            loaded.map { $0.contains(record.loaded.id) ? "yes" : "no" } ?? "-", record.source.label, record.problem.map { "unusable: \($0)" } ?? "",
        ]
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
            "shards": .array(shards.map(JSON.string)),
            "problem": problem.map(JSON.string) ?? .null,
        ]
    }

    /// Returns the record for `--json` with its state.
    /// - loaded: whether the model is loaded; nil if unknown.
    func json(loaded: Bool?) -> JSON {
        var object = json.objectValue ?? [:]
        object["loaded"] = loaded.map(JSON.bool) ?? .null
        return .object(object)
    }
}
