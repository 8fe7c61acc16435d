import Foundation
import ShimmyCore
import ShimmyJSON

/// LM Studio: `publisher/repository/file.gguf`.
struct LMStudioPlace: ModelPlace {
    let source = ModelSource.lmStudio
    let path: String

    /// Returns the folders in which LM Studio keeps models: its home, which a pointer file may move, its older home, and the folder in its
    /// settings.
    static func folders(home: String) -> [String] {
        let pointer = RegularFile.text("\(home)/.lmstudio-home-pointer", limit: 4096)
        let own = pointer.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "\(home)/.lmstudio"
        var folders = ["\(own)/models", "\(home)/.cache/lm-studio/models"]
        for settings in ["\(own)/settings.json", "\(home)/.cache/lm-studio/settings.json"] {
            guard let data = RegularFile.read(settings, limit: 1 << 20) else { continue }
            if let folder = (try? JSON.parse(data))?["downloadsFolder"]?.stringValue, folder.hasPrefix("/") { folders.append(folder) }
        }
        var seen: Set<String> = []
        return folders.filter { seen.insert($0).inserted }
    }

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { found in
            let repository = found.folders.prefix(2).joined(separator: "/")
            return RecordReader.record(found, id: RepositoryName.id(repository, found.name), source: source)
        }
    }
}
