import ArgumentParser
import ShimmyModels

struct DiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover", abstract: "Show the search directories for models and their files, including projectors and damaged files.")

    @OptionGroup var options: CatalogOptions

    func run() async throws {
        await ConfiguredUpstreams.shared.look()
        let records = options.catalog().records
        Console.print("Looked in:")
        for place in options.discovery.places { Console.print("  \(place.source.label): \(place.path)\(place.exists ? "" : " (does not exist)")") }
        Console.print("")
        if records.isEmpty { Console.print("No models found.") }
        for record in records {
            if let upstream = record.upstream {
                Console.print("\(record.id)  [\(record.kind.rawValue), \(record.source.label)]\n  \(upstream.servers.joined(separator: ", "))")
                continue
            }
            Console.print("\(record.id)  [\(record.kind.rawValue), \(record.source.label), \(Console.size(record.sizeBytes))]")
            Console.print("  \(record.path)")
            if let problem = record.problem { Console.print("  problem: \(problem)") }
        }
    }
}
