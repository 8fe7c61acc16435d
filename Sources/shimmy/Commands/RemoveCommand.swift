import ArgumentParser
import Foundation
import ShimmyClient
import ShimmyJSON
import ShimmyModels
import ShimmyService

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove a model's files from Shimmy's own directories.",
        discussion: """
            Removes files in Shimmy's model directory and converted files, but no files of other programs. If a server on this machine has loaded \
            the model, the server frees it first. A model with running requests is not removed.
            """)

    @OptionGroup var options: CatalogOptions

    @OptionGroup var client: ClientOptions

    @Flag(name: .shortAndLong, help: "Do not ask for confirmation.")
    var yes = false

    @Flag(help: "Remove only the converted file of a folder of SafeTensors.")
    var converted = false

    @Flag(help: "Print JSON: the removed files.")
    var json = false

    @Argument(help: "Model name.", completion: ModelNames.completion)
    var model: String

    func run() async throws {
        if let target = options.aliasFile.aliases[model] {
            Console.error("\(model) is an alias of \(target); 'shimmy alias --remove \(model)' removes it")
            throw ExitStatus.failure
        }
        // Use the catalog's record directly: `options.resolve` refuses damaged models, which must be removable.
        let catalog = options.catalog()
        guard let record = catalog.resolve(model) else {
            // Only the name is left of a created model whose base is gone.
            if try await OwnModels().forget(model) { return await tell(ofRemoved: model) }
            _ = try options.resolve(model, byPath: false)
            return
        }
        if record.creation != nil { return try await removeCreated(record, among: catalog.records) }
        do {
            let removal = try removal(of: record, among: catalog.records)
            try ask(record, removal)
            try await free(record)
            if converted { try removal.run() } else { try await OwnModels().remove(record, removal, among: catalog.records) }
            await client.tellOfChange()
            Console.print(json ? Self.json(record, removal).pretty() : "\(record.id) is removed: \(Console.size(removal.sizeBytes)).")
        } catch let error where error is ModelRemoval.Refusal || error is ModelLibraryRefusal {
            Console.error("\(error)")
            throw ExitStatus.failure
        }
    }

    /// Removes a model that a client created on top of another one. Files that another model needs remain.
    private func removeCreated(_ record: ModelRecord, among all: [ModelRecord]) async throws {
        if !yes {
            guard Confirmation.isPossible else { throw ValidationError("Standard input is not a terminal; pass --yes to remove \(record.id).") }
            guard Confirmation.yes("Remove \(record.id), a model based on \(record.base ?? "another one")?", isDefault: false) else {
                throw ExitStatus.failure
            }
        }
        do {
            let plan = try await OwnModels().removal(of: record.id, record, among: all)
            if plan.frees { try await free(record) }
            try await plan.run()
        } catch let error where error is ModelRemoval.Refusal || error is ModelLibraryRefusal {
            Console.error("\(error)")
            throw ExitStatus.failure
        }
        await tell(ofRemoved: record.id)
    }

    private func tell(ofRemoved name: String) async {
        await client.tellOfChange()
        let result: JSON = ["model": .string(name), "files": [], "size_bytes": 0]
        Console.print(json ? result.pretty() : "\(name) is removed.")
    }

    private func removal(of record: ModelRecord, among all: [ModelRecord]) throws -> ModelRemoval {
        let directories = Environment.process.directories
        let conversions = Conversions(in: directories)
        let conversion = record.isFolder ? conversions.path(of: record) : nil
        let existing = conversion.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        guard converted else {
            return try ModelRemoval(
                record, models: directories.models, conversion: existing, conversions: conversions.directory, among: all)
        }
        guard let existing else { throw ModelRemoval.Refusal(description: "\(record.id) was not converted") }
        return ModelRemoval(conversion: existing, conversions: conversions.directory, models: directories.models)
    }

    private func ask(_ record: ModelRecord, _ removal: ModelRemoval) throws {
        if yes { return }
        guard Confirmation.isPossible else { throw ValidationError("Standard input is not a terminal; pass --yes to remove \(record.id).") }
        let folder = record.isFolder ? record.path : (record.path as NSString).deletingLastPathComponent
        let files = removal.files.count == 1 ? removal.files[0] : "\(removal.files.count) files in \(folder)"
        guard Confirmation.yes("Remove \(record.id), \(Console.size(removal.sizeBytes)): \(files)?", isDefault: false) else {
            throw ExitStatus.failure
        }
    }

    /// Has a server on this machine unload the model. Servers on other machines have their own files.
    private func free(_ record: ModelRecord) async throws {
        guard try ["127.0.0.1", "localhost", "::1"].contains(client.address.host) else { return }
        let refusal = await client.ifThere { server -> String? in
            do {
                _ = try await server.post("/v1/models/unload", ["model": .string(record.id)])
                return nil
            } catch ClientError.refused(409, let message, _) {
                return message
            }
        }
        if let message = refusal ?? nil { throw ModelRemoval.Refusal(description: "\(record.id) is not removed. \(message)") }
    }

    private static func json(_ record: ModelRecord, _ removal: ModelRemoval) -> JSON {
        [
            "model": .string(record.id), "files": .array(removal.files.map(JSON.string)), "size_bytes": .int(removal.sizeBytes),
        ]
    }
}
