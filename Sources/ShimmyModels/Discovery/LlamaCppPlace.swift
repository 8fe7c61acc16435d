import Foundation
import ShimmyFormats

/// llama.cpp's own cache: `USER_REPO_FILE.gguf`, with a manifest for each repository that shows which underscores are separators. Newer versions
/// use the layout of Hugging Face's cache.
struct LlamaCppPlace: ModelPlace {
    let source = ModelSource.llamaCpp
    let path: String

    func records() -> [ModelRecord] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let repositories = names.compactMap(Self.repository(ofManifest:))
        let flat = Folder(path: path).models().filter { $0.folders.first?.hasPrefix("models--") != true }
        return flat.map { found in
            RecordReader.record(found, id: id(of: found, repositories) ?? found.name?.stem ?? found.folders.last ?? path, source: source)
        } + HuggingFacePlace(source: source, path: path).records()
    }

    private func id(of found: Folder.Found, _ repositories: [String]) -> String? {
        let file = (found.path as NSString).lastPathComponent
        for repository in repositories {
            let prefix = repository.replacing("/", with: "_") + "_"
            guard file.hasPrefix(prefix), let name = FileName(String(file.dropFirst(prefix.count))) else { continue }
            return RepositoryName.id(repository, name)
        }
        return nil
    }

    /// Returns `USER/REPO` from `manifest=USER=REPO=TAG.json`, or nil for other names.
    private static func repository(ofManifest name: String) -> String? {
        let parts = name.split(separator: "=")
        return parts.count == 4 && parts[0] == "manifest" && name.hasSuffix(".json") ? "\(parts[1])/\(parts[2])" : nil
    }
}
