import ArgumentParser
import ShimmyJSON
import ShimmyModels

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the models that can be served.")

    @OptionGroup var options: ModelOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let records = options.catalog().records
        if json {
            Console.print(JSON.array(records.map(\.json)).pretty())
            return
        }
        // A damaged file is listed with its reason, so that nobody has to wonder where a model is.
        let models = records.filter { $0.isLoadable || $0.problem != nil }
        if models.isEmpty {
            Console.print("No models found. 'shimmy discover' says where they are looked for.")
            return
        }
        let rows = models.map { record in
            [
                record.id, record.quantization ?? "-", Console.size(record.sizeBytes), record.contextLength.map { "\($0)" } ?? "-",
                record.source.label, record.problem.map { "unusable: \($0)" } ?? "",
            ]
        }
        Console.print(Console.table([["NAME", "QUANT", "SIZE", "CONTEXT", "SOURCE", ""]] + rows))
    }
}

extension ModelRecord {
    /// For `--json`.
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
}
