import Foundation

/// The search for the models that are already on the disk. Models stay where they are: the search copies nothing and reads no weights.
package struct ModelDiscovery: Sendable {
    private let directories: Directories
    private let extraDirectories: [String]
    private let environment: [String: String]
    private let home: String

    package init(directories: Directories, extraDirectories: [String], environment: [String: String], home: String) {
        self.directories = directories
        self.extraDirectories = extraDirectories
        self.environment = environment
        self.home = home
    }

    /// A folder that is searched for models.
    package struct Place: Sendable, Equatable {
        package let source: ModelSource
        package let path: String
        package let exists: Bool
    }

    package var places: [Place] {
        modelPlaces.map { Place(source: $0.source, path: $0.path, exists: FileManager.default.fileExists(atPath: $0.path)) }
    }

    /// Returns all models, each once and with a unique name.
    package func scan() -> [ModelRecord] {
        var records: [ModelRecord] = []
        if let file = environment["SHIMMY_BASE_GGUF"], let record = ModelCatalog.record(forFile: file) { records.append(record) }
        records += modelPlaces.flatMap { $0.records() }
        // Weights without a name of their own take neither a name nor a file from another model.
        let hidden = PlainPlace(source: .shimmy, path: directories.weights).records().map { record in
            var record = record
            record.isHidden = true
            return record
        }
        return (Self.withUniqueNames(Self.eachOnce(records)) + hidden).withProjectors().withAdapters()
    }

    /// Removes duplicates. Files are identified by their real paths, and models with a manifest by the manifest's path, because several manifests
    /// may name one file.
    private static func eachOnce(_ records: [ModelRecord]) -> [ModelRecord] {
        var seen: Set<String> = []
        return records.filter { record in
            let isNewFile = seen.insert(FileFacts.realPath(record.path)).inserted
            guard let manifest = record.manifest else { return isNewFile }
            return seen.insert(FileFacts.realPath(manifest.path)).inserted
        }
    }

    /// The folders in which a change can affect the models: each place with all folders below it, or the closest existing folder above a missing
    /// place.
    package var watchedFolders: [WatchedFolder] {
        places.flatMap { place in place.exists ? Folder(path: place.path).watchedFolders() : [WatchedFolder(around: place.path)] }
    }

    private var modelPlaces: [any ModelPlace] {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let given = extraDirectories + (value("SHIMMY_MODEL_PATHS")?.split(separator: ";").map(String.init) ?? [])
        let cache = value("XDG_CACHE_HOME") ?? "\(home)/.cache"
        let hub = value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? value("HF_HOME").map { "\($0)/hub" } ?? "\(cache)/huggingface/hub"
        let ollama = value("OLLAMA_MODELS").map { [$0] } ?? ["\(home)/.ollama/models", "/usr/share/ollama/.ollama/models"]
        let jan = [("\(home)/jan", "models"), (systemData("Jan/data"), "llamacpp/models"), (systemData("Jan/data"), "models")]
        var places: [any ModelPlace] = [ShimmyPlace(path: directories.models)]
        places += given.map { PlainPlace(source: .directory, path: expanded($0)) as any ModelPlace }
        places.append(HuggingFacePlace(path: hub))
        places += ollama.map { OllamaPlace(path: $0) as any ModelPlace }
        places += LMStudioPlace.folders(home: home).map { LMStudioPlace(path: $0) as any ModelPlace }
        places.append(LlamaCppPlace(path: value("LLAMA_CACHE") ?? systemCache("llama.cpp", xdg: cache)))
        places += jan.map { JanPlace(path: "\($0)/\($1)", data: $0) as any ModelPlace }
        let gpt4All = GPT4All.folder(configuration: value("XDG_CONFIG_HOME") ?? "\(home)/.config") ?? systemData("nomic.ai/GPT4All")
        places.append(PlainPlace(source: .gpt4All, path: gpt4All))
        return places
    }

    private func systemCache(_ name: String, xdg: String) -> String {
        #if os(macOS)
            return "\(home)/Library/Caches/\(name)"
        #else
            return "\(xdg)/\(name)"
        #endif
    }

    private func systemData(_ name: String) -> String {
        #if os(macOS)
            return "\(home)/Library/Application Support/\(name)"
        #else
            return (environment["XDG_DATA_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.local/share") + "/\(name)"
        #endif
    }

    private func expanded(_ path: String) -> String { path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path }

    /// Makes all names unique. The first record keeps its name; later ones get their source as a suffix, and a number if that is not enough.
    /// Records are named in the order of the places, so that a name keeps its meaning. Files that cannot be loaded (a projector, a damaged file)
    /// are named after all loadable ones, so that they take no name from those.
    static func withUniqueNames(_ records: [ModelRecord]) -> [ModelRecord] {
        var named = records
        var taken: Set<String> = []
        for isLoadable in [true, false] {
            for (index, record) in records.enumerated() where record.isLoadable == isLoadable {
                named[index].id = freeName(for: record, &taken)
            }
        }
        return named
    }

    private static func freeName(for record: ModelRecord, _ taken: inout Set<String>) -> String {
        func isFree(_ name: String) -> Bool { taken.insert(name.lowercased()).inserted }
        if isFree(record.id) { return record.id }
        let qualified = "\(record.id)@\(record.source.label)"
        if isFree(qualified) { return qualified }
        var number = 2
        while !isFree("\(qualified)\(number)") { number += 1 }
        return "\(qualified)\(number)"
    }
}
