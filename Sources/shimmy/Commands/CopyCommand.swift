import ArgumentParser
import Foundation
import ShimmyJSON
import ShimmyModels

struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Copy a model under another name to Shimmy's own directory.",
        discussion: """
            The copy remains if another program removes the original. On the same disk, the copy is a hard link and takes no space. For a \
            second name only, use 'shimmy alias'.
            """)

    @OptionGroup var options: CatalogOptions

    @OptionGroup var client: ClientOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Model name or path.", completion: ModelNames.completion)
    var model: String

    @Argument(help: "Name of the copy.")
    var name: String

    func run() async throws {
        let record = try options.resolve(model)
        if let owner = ConfiguredNames.owner(of: name) {
            Console.error("the copy cannot be named \(name): \(owner)")
            throw ExitStatus.failure
        }
        let catalog = options.catalog()
        let taken = catalog.records.map(\.id) + options.aliasFile.aliases.keys
        if taken.contains(where: { $0.lowercased() == name.lowercased() }) {
            Console.error("\(name) is already the name of a model")
            throw ExitStatus.failure
        }
        let directories = Environment.process.directories
        do {
            let folder = try ModelCopy(of: record, as: name, models: directories.models).run()
            await client.tellOfChange()
            let result: JSON = ["model": .string(name), "of": .string(record.id), "path": .string(folder)]
            Console.print(json ? result.text : "\(name) is a copy of \(record.id).")
        } catch {
            Console.error(error.description)
            throw ExitStatus.failure
        }
    }
}
