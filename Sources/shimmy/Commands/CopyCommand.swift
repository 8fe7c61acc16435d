import ArgumentParser
import Foundation
import ShimmyJSON
import ShimmyModels

struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Keep a model under another name in Shimmy's own directory.",
        discussion: """
            The copy stays when the program that the model was found with removes it. On one disk it takes no room: both are names of the same \
            bytes. For a second name alone, 'shimmy alias' is enough.
            """)

    @OptionGroup var options: ModelOptions

    @OptionGroup var client: ClientOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "A model, by name or by path.", completion: ModelNames.completion)
    var model: String

    @Argument(help: "The copy's name.")
    var name: String

    func run() async throws {
        let record = try options.resolve(model)
        if let owner = ConfiguredNames.owner(of: name) {
            Console.error("\(name) cannot be a copy's name: \(owner)")
            throw ExitStatus.failure
        }
        let catalog = options.catalog()
        let taken = catalog.records.map(\.id) + options.aliasFile.aliases.keys
        if taken.contains(where: { $0.lowercased() == name.lowercased() }) {
            Console.error("\(name) is the name of a model already")
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
