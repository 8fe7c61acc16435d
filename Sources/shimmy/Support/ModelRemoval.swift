import Foundation
import ShimmyCore
import ShimmyHub
import ShimmyModels

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The removal of a model's files. Only files that Shimmy owns are removed: those in its model directory, and those that it converted.
struct ModelRemoval {
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// The files to remove. A symbolic link is removed itself; its target remains.
    let files: [String]
    let sizeBytes: Int
    private let models: String
    /// The directory of the files that folders were converted to.
    private let conversions: String

    /// Plans the removal of a model. Throws `Refusal` if Shimmy does not own all of its files.
    /// - models: Shimmy's model directory.
    /// - conversion: the file that the folder was converted to; nil if there is none.
    /// - conversions: the directory of such files.
    /// - all: all models on the disk, including this one.
    init(_ record: ModelRecord, models: String, conversion: String?, conversions: String, among all: [ModelRecord]) throws(Refusal) {
        if let base = record.base {
            throw Refusal(description: "\(record.id) is \(base) with other settings; to remove it, delete its table from shimmy.toml")
        }
        guard record.source == .shimmy, record.path.hasPrefix(models + "/") else { throw Refusal(description: Self.reason(record)) }
        (self.models, self.conversions) = (models, conversions)
        let own = record.isFolder ? Self.files(ofFolder: record.path, models: models) : record.shards + Self.projectors(of: record, models, all)
        files = own.filter(Self.isThere) + (conversion.map { [$0] } ?? [])
        sizeBytes = files.reduce(0) { $0.saturated(adding: Self.size($1)) }
        // Check all files before removing any, so that a model is never removed in part.
        for file in files {
            if let place = owner(of: file).strangePlace(of: file) { throw Self.elsewhere(file, place, record.id) }
        }
    }

    /// Plans the removal of a converted file alone.
    /// - conversion: the converted file; its source folder remains.
    init(conversion: String, conversions: String, models: String) {
        (self.models, self.conversions) = (models, conversions)
        files = [conversion]
        sizeBytes = Self.size(conversion)
    }

    func run() throws(Refusal) {
        for file in files {
            do {
                try owner(of: file).remove(file)
            } catch {
                switch error {
                case .elsewhere(let place): throw Self.elsewhere(file, place, file)
                case .system(let number): throw Refusal(description: "\(file) cannot be removed: \(String(cString: strerror(number)))")
                }
            }
            forget(file)
        }
        for file in files where file.hasPrefix(models + "/") { Self.removeEmptyFolders(above: file, upTo: models) }
    }

    private func owner(of file: String) -> OwnedDirectory { OwnedDirectory(file.hasPrefix(models + "/") ? models : conversions) }

    private static func elsewhere(_ file: String, _ place: String, _ name: String) -> Refusal {
        let advice = "Remove that file, or the link, yourself"
        return Refusal(description: "Shimmy does not remove \(name): a link leads from \(file) to \(place). \(advice)")
    }

    /// Removes a file from the pull manifest of its repository.
    private func forget(_ file: String) {
        guard file.hasPrefix(models + "/") else { return }
        let parts = file.dropFirst(models.count + 1).split(separator: "/").map(String.init)
        guard parts.count > 2 else { return }
        let repository = "\(models)/\(parts[0])/\(parts[1])"
        let path = parts[2...].joined(separator: "/")
        if PullManifest.read(in: repository).hashes[path] != nil { try? PullManifest.forget(path, in: repository) }
    }

    // MARK: Files

    /// Returns the files of a folder: those listed in its pull manifest if it was pulled, otherwise all of them.
    private static func files(ofFolder folder: String, models: String) -> [String] {
        if isLink(folder) { return [folder] }
        let pulled = PullManifest.read(in: folder).hashes.keys.filter { !$0.hasSuffix(".gguf") }
        if !pulled.isEmpty { return pulled.sorted().map { "\(folder)/\($0)" } }
        let below = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return below.map { "\(folder)/\($0)" }.filter { !isFolder($0) }.sorted()
    }

    /// Returns the projector files that become unused with the model: those of its folder, if the folder is below the model directory and contains
    /// only projectors beside the model. Files directly in the model directory may belong to any model.
    private static func projectors(of record: ModelRecord, _ models: String, _ all: [ModelRecord]) -> [String] {
        func folder(_ record: ModelRecord) -> String { (record.path as NSString).deletingLastPathComponent }
        guard folder(record) != models else { return [] }
        // A variant of this model is removed with it, so it does not count.
        let beside = all.filter { $0.base == nil && $0.path != record.path && folder($0) == folder(record) }
        return beside.allSatisfy { $0.kind == .projector } ? beside.flatMap(\.shards) : []
    }

    private static func removeEmptyFolders(above file: String, upTo models: String) {
        var folder = (file as NSString).deletingLastPathComponent
        let owned = OwnedDirectory(models)
        while folder.hasPrefix(models + "/"), owned.strangePlace(of: folder) == nil, rmdir(folder) == 0 {
            folder = (folder as NSString).deletingLastPathComponent
        }
    }

    /// Returns the attributes of a file; for a symbolic link those of the link itself. Nil if there is no such file.
    private static func facts(_ path: String) -> [FileAttributeKey: Any]? { try? FileManager.default.attributesOfItem(atPath: path) }
    private static func type(_ path: String) -> FileAttributeType? { facts(path)?[.type] as? FileAttributeType }

    private static func isThere(_ path: String) -> Bool { type(path) != nil }
    private static func isLink(_ path: String) -> Bool { type(path) == .typeSymbolicLink }
    private static func isFolder(_ path: String) -> Bool { type(path) == .typeDirectory }
    private static func size(_ path: String) -> Int { facts(path)?[.size] as? Int ?? 0 }

    // MARK: Files of others

    private static func reason(_ record: ModelRecord) -> String {
        let owner =
            switch record.source {
            case .shimmy, .file: "it was given by its path"
            case .directory: "it is in one of your own directories"
            case .huggingFace: "it belongs to Hugging Face's cache; 'hf cache' removes it there"
            case .ollama: "it belongs to Ollama; 'ollama rm' removes it there"
            case .lmStudio: "it belongs to LM Studio, which removes it"
            case .llamaCpp: "it belongs to llama.cpp's cache"
            case .jan: "it belongs to Jan, which removes it"
            case .gpt4All: "it belongs to GPT4All, which removes it"
            case .upstream: "it belongs to an upstream server"
            }
        if let upstream = record.upstream { return "Shimmy does not remove \(record.id): \(owner) (\(upstream.servers.joined(separator: ", ")))" }
        return "Shimmy does not remove \(record.id): \(owner) (\(record.path))"
    }
}
