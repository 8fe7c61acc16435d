import Foundation
import ShimmyCore
import ShimmyFormats
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import ShimmyService
import Synchronization

/// The models of this machine: their files, the files of names that users and clients create, and the names in the configuration file.
struct OwnModels: ModelLibrary {
    let options: ModelOptions

    /// Makes changes of the files of names follow each other, because a change reads the file first.
    private static let order = Mutex(())
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

    func isTemplate(_ text: String) async throws -> Bool {
        try await WorkerPool.input.run(.slow) { _ in (try? LlamaChatTemplate(source: text)) != nil }
    }

    func addAlias(_ name: String, of record: ModelRecord, among all: [ModelRecord]) async throws {
        try await change {
            let file = options.aliasFile
            try Self.checkConfiguration(name)
            let others = file.aliases.keys.filter { Self.isSame($0, name) && $0 != name }
            let aliases = file.aliases.filter { !others.contains($0.key) }.merging([name: record.id]) { $1 }
            if let problem = ModelCatalog(records: all, aliases: aliases).aliasProblems[name] {
                throw ModelLibraryRefusal("\(name) cannot be an alias: \(problem)")
            }
            // A change that is refused leaves everything as it was.
            try file.set(name, to: record.id)
            for alias in others { _ = try file.remove(alias) }
        }
    }

    func create(_ model: CreatedModel, among all: [ModelRecord]) async throws {
        try await change {
            try Self.checkConfiguration(model.name)
            if let record = all.first(where: { $0.creation == nil && Self.isSame($0.id, model.name) }) {
                throw ModelLibraryRefusal("\(record.id) is the name of a model on the disk; choose another name")
            }
            let (file, aliases) = (options.createdModelFile, options.aliasFile)
            // A change that is refused leaves everything as it was.
            try file.set(model)
            for alias in aliases.aliases.keys where Self.isSame(alias, model.name) { _ = try aliases.remove(alias) }
            for other in file.models where Self.isSame(other.name, model.name) && other.name != model.name { _ = try file.remove(other.name) }
        }
    }

    func add(file: String, as name: String) async throws -> String {
        try await onDisk(patience: Self.copyPatience) {
            do {
                _ = try GGUFHeader.read(path: file)
                let models = Environment.process.directories.models
                let present = "\(models)/\(name)/\(name).gguf"
                // The file is there already if the same model was created before.
                if Self.isOneFile(present, file) { return present }
                let folder = try ModelCopy(ofFile: file, as: name, models: models).run()
                return "\(folder)/\(name).gguf"
            } catch {
                throw ModelLibraryRefusal("the file cannot be used: \(error)")
            }
        }
    }

    /// Returns whether two paths are links to one file.
    private static func isOneFile(_ one: String, _ other: String) -> Bool {
        func numbers(_ path: String) -> [Int]? {
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
            return [attributes[.systemNumber] as? Int ?? -1, attributes[.systemFileNumber] as? Int ?? -1]
        }
        guard let one = numbers(one), let other = numbers(other) else { return false }
        return one == other && !one.contains(-1)
    }

    func removal(of name: String, _ record: ModelRecord, among all: [ModelRecord]) async throws -> ModelRemovalPlan {
        try await onDisk {
            guard Self.isSame(record.id, name) else { return try removal(ofAlias: name) }
            if record.creation != nil {
                return ModelRemovalPlan(frees: record.engineOf == nil) { try await change { _ = try options.createdModelFile.remove(record.id) } }
            }
            let files = try Self.files(of: record, among: all)
            return ModelRemovalPlan(frees: true) { try await onDisk { try Self.refusing { try files.run() } } }
        }
    }

    private func removal(ofAlias name: String) throws -> ModelRemovalPlan {
        let aliases = options.aliasFile.aliases.keys.filter { Self.isSame($0, name) }
        if aliases.isEmpty {
            if let owner = ConfiguredNames.owner(of: name) { throw ModelLibraryRefusal("\(name) is not removed: \(owner)") }
            throw ModelError.unknown(name)
        }
        return ModelRemovalPlan(frees: false) { try await change { for alias in aliases { _ = try options.aliasFile.remove(alias) } } }
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

    // MARK: Names

    /// Returns whether two names mean the same model.
    private static func isSame(_ one: String, _ other: String) -> Bool { ModelCatalog.normalized(one) == ModelCatalog.normalized(other) }

    /// Throws if the configuration file has the name.
    private static func checkConfiguration(_ name: String) throws {
        if let problem = ConfiguredNames.mention(of: name) { throw ModelLibraryRefusal("\(name) cannot be used: \(problem)") }
    }

    // MARK: Disk

    /// Changes the files of names.
    private func change(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await onDisk { try Self.order.withLock { _ in try Self.refusing(body) } }
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
            throw ModelLibraryRefusal(refusal.description)
        } catch let refusal as ModelRemoval.Refusal {
            throw ModelLibraryRefusal(refusal.description)
        }
    }
}
