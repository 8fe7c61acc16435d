import Foundation
import ShimmyCore
import ShimmyFormats
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import ShimmyService

/// The models of this machine: their files, the files of names that users and clients create, and the names in the configuration file.
struct OwnModels: ModelLibrary {
    private var aliases: AliasFile { AliasFile(directory: Environment.process.directories.data) }
    private var created: CreatedModelFile { CreatedModelFile(directory: Environment.process.directories.data) }
    private var weights: OwnWeights { OwnWeights(Environment.process.directories, created) }

    /// The number of seconds to wait for a disk.
    private static let patience = 30.0
    /// The number of seconds to wait for the copy of a file to another disk.
    private static let copyPatience = 3600.0
    private static let templateKey = "tokenizer.chat_template"

    var usesGPU: Bool { LlamaBackend.devices.contains(where: \.isGPU) }

    func metadata(of record: ModelRecord) async throws -> JSONObject {
        try await onDisk {
            // A folder of SafeTensors has a GGUF header once it is converted.
            let path = record.isFolder ? Conversions(in: Environment.process.directories).path(of: record) : record.path
            var metadata = JSONObject()
            for (key, value) in try GGUFHeader.read(path: path).metadata.sorted(by: { $0.key < $1.key }) where key != Self.templateKey {
                metadata[key] = value.scalar ?? .null
            }
            return metadata
        }
    }

    func problem(ofTemplate text: String) async throws -> String? {
        try await WorkerPool.input.run(.slow) { _ -> String? in
            do {
                _ = try LlamaChatTemplate(source: text)
                return nil
            } catch let error as LlamaError {
                return error.description
            }
        }
    }

    // MARK: Creation

    func addAlias(_ name: String, of record: ModelRecord, among all: [ModelRecord]) async throws {
        try await change {
            try Self.checkConfiguration(name)
            // A created model of that name is replaced.
            let others = all.filter { $0.creation == nil || !ModelCatalog.isSame($0.id, name) }
            try aliases.set(name, to: record.id, isReplaced: { ModelCatalog.isSame($0, name) }) { aliases in
                ModelCatalog(records: others, aliases: aliases).aliasProblems[name].map { "\(name) cannot be an alias: \($0)" }
            }
            for model in created.models where ModelCatalog.isSame(model.name, name) { _ = try created.remove(model.name) }
        }
    }

    func create(_ model: CreatedModel, from file: String?, among all: [ModelRecord]) async throws {
        try await change(patience: file == nil ? Self.patience : Self.copyPatience) {
            try CreatedModelFile.check(model)
            try Self.checkConfiguration(model.name)
            if let record = all.first(where: { $0.creation == nil && ModelCatalog.isSame($0.id, model.name) }) {
                throw ModelLibraryRefusal("\(record.id) is the name of a model on the disk; choose another name")
            }
            var model = model
            if let file {
                model.base = try add(upload: file)
            } else if !weights.contains(model.base), !all.contains(where: { $0.id == model.base }) {
                throw ModelLibraryRefusal("the model that it is based on was deleted in the meantime")
            }
            // A change that is refused leaves everything as it was.
            try created.set(model, isReplaced: { ModelCatalog.isSame($0, model.name) })
            for alias in aliases.aliases.keys where ModelCatalog.isSame(alias, model.name) { _ = try aliases.remove(alias) }
        }
    }

    private func add(upload file: String) throws -> String {
        do {
            _ = try GGUFHeader.read(path: file)
        } catch {
            throw ModelLibraryRefusal("the file cannot be used: \(Self.withoutPlace(error))", isOfFile: true)
        }
        do {
            return try weights.add(upload: file)
        } catch {
            throw ModelLibraryRefusal("the file cannot be used: \(Self.withoutPlace(error))", isOfDisk: error.isOfDisk, isOfFile: true)
        }
    }

    /// Returns the text of an error without the path of the model directory, which clients need not know.
    private static func withoutPlace(_ error: any Error) -> String {
        "\(error)".replacing(Environment.process.directories.models + "/", with: "")
    }

    // MARK: Removal

    func removal(of name: String, _ record: ModelRecord, among all: [ModelRecord]) async throws -> ModelRemovalPlan {
        try await onDisk {
            guard ModelCatalog.isSame(record.id, name) else { return try removal(ofAlias: name) }
            try Self.checkCase(of: name, record, among: all)
            if record.creation != nil {
                return ModelRemovalPlan(frees: record.engineOf == nil) { try await remove(created: record, among: all) }
            }
            let files = try Self.files(of: record, among: all)
            return ModelRemovalPlan(frees: true) { try await remove(record, files, among: all) }
        }
    }

    func forget(_ name: String) async throws -> Bool {
        let isThere = try await onDisk { hasEntries(name) }
        if isThere { try await change { try removeEntries(name) } }
        return isThere
    }

    /// Removes the files of a model. If other names need them, they remain without a name of their own.
    /// - all: all models on the disk.
    func remove(_ record: ModelRecord, _ files: ModelRemoval, among all: [ModelRecord]) async throws {
        try await change(patience: Self.copyPatience) {
            let names = aliasNames(of: record, among: all)
            // The file may have changed since the scan.
            let models = created.models.filter { ModelCatalog.isSame($0.base, record.id) }
            if !names.isEmpty || !models.isEmpty {
                let base = try keep(record)
                for var model in models {
                    model.base = base
                    try created.set(model)
                }
                try replace(names, by: CreatedModel(name: "", base: base, hints: ModelHints(), created: record.modified))
            }
            try files.run()
            // No other model gets the name back.
            try removeEntries(record.id)
        }
    }

    private func keep(_ record: ModelRecord) throws -> String {
        do {
            return try weights.keep(record)
        } catch {
            throw ModelLibraryRefusal("other names need the files of \(record.id): \(Self.withoutPlace(error))", isOfDisk: error.isOfDisk)
        }
    }

    private func remove(created record: ModelRecord, among all: [ModelRecord]) async throws {
        try await change {
            if let creation = record.creation { try replace(aliasNames(of: record, among: all), by: creation) }
            try removeEntries(record.id)
        }
    }

    /// Turns the aliases of a model that is about to be removed into models of their own.
    private func replace(_ names: [String], by model: CreatedModel) throws {
        for name in names {
            var model = model
            model.name = name
            try created.set(model)
            _ = try aliases.remove(name)
        }
    }

    /// Returns the aliases of a model that the file of aliases defines.
    private func aliasNames(of record: ModelRecord, among all: [ModelRecord]) -> [String] {
        ModelCatalog(records: all, aliases: aliases.aliases).aliases(of: record)
    }

    private func removal(ofAlias name: String) throws -> ModelRemovalPlan {
        guard hasEntries(name) else {
            if let owner = ConfiguredNames.owner(of: name) { throw ModelLibraryRefusal("\(name) is not removed: \(owner)") }
            throw ModelError.unknown(name)
        }
        return ModelRemovalPlan(frees: false) { try await change { try removeEntries(name) } }
    }

    private func hasEntries(_ name: String) -> Bool {
        (created.models.map(\.name) + aliases.aliases.keys).contains { ModelCatalog.isSame($0, name) }
    }

    /// Removes a name from the files of names.
    private func removeEntries(_ name: String) throws {
        for model in created.models where ModelCatalog.isSame(model.name, name) { _ = try created.remove(model.name) }
        for alias in aliases.aliases.keys where ModelCatalog.isSame(alias, name) { _ = try aliases.remove(alias) }
    }

    /// Throws if the name differs from the model's in its case, and another model has this very name besides the suffix that tells them apart.
    private static func checkCase(of name: String, _ record: ModelRecord, among all: [ModelRecord]) throws {
        let plain = name.hasSuffix(":latest") ? String(name.dropLast(":latest".count)) : name
        guard record.id != plain, let other = all.first(where: { $0.id.hasPrefix("\(plain)@") }) else { return }
        throw ModelError.ambiguous(name, ids: [record.id, other.id])
    }

    /// Plans the removal of a model's files.
    private static func files(of record: ModelRecord, among all: [ModelRecord]) throws -> ModelRemoval {
        let directories = Environment.process.directories
        let conversions = Conversions(in: directories)
        let converted = record.isFolder ? conversions.path(of: record) : nil
        let conversion = converted.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        return try refusing {
            try ModelRemoval(record, models: directories.models, conversion: conversion, conversions: conversions.directory, among: all)
        }
    }

    /// Removes the files that killed processes left behind. Called before a server starts.
    func clean() async {
        try? await onDisk {
            aliases.clean()
            created.clean()
        }
        try? await change {}
    }

    // MARK: Names

    /// Throws if the configuration file has the name.
    private static func checkConfiguration(_ name: String) throws {
        if let problem = ConfiguredNames.mention(of: name) { throw ModelLibraryRefusal("\(name) cannot be used: \(problem)") }
    }

    // MARK: Disk

    /// Changes the files of names and the models. A lock on the model directory orders the changes of all threads and processes.
    private func change(patience: Double = OwnModels.patience, _ body: @escaping @Sendable () throws -> Void) async throws {
        try await onDisk(patience: patience) { try weights.changing { try Self.refusing(body) } }
    }

    private func onDisk<Value: Sendable>(
        patience: Double = OwnModels.patience, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await DiskWork.shared.run(patience: patience, body)
    }

    /// Runs `body` and throws its refusals as the library's.
    private static func refusing<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let refusal as AliasFile.Refusal {
            throw ModelLibraryRefusal(refusal.description, isOfDisk: refusal.isOfDisk)
        } catch let refusal as ModelRemoval.Refusal {
            throw ModelLibraryRefusal(refusal.description)
        }
    }
}
