import Foundation
import ShimmyCore
import ShimmyModels
import ShimmyService

/// The weights of created models whose files have no name of their own: uploaded files, and the files of deleted models that other names still
/// need. They lie in hidden folders of the model directory, and the name of the folder is the base of the created models. Folders that no created
/// model names are removed, among them those that a process left behind when it was killed in the middle of a change.
struct OwnWeights {
    private let models: String
    private let folder: String
    private let created: CreatedModelFile

    /// The number of seconds to wait for another process that changes the models.
    private static let patience = 10

    init(_ directories: Directories, _ created: CreatedModelFile) {
        (models, folder, self.created) = (directories.models, directories.weights, created)
    }

    /// Runs a change of the models while no other process does the same. Afterwards it removes all weights that nothing needs, also if the change
    /// failed.
    func changing(_ body: () throws -> Void) throws {
        let isDone = try FolderLock.hold(models, seconds: Self.patience) { () throws -> Bool in
            defer { removeUnneeded() }
            try body()
            return true
        }
        if isDone == nil { throw ModelLibraryRefusal("another process is changing the models", isOfDisk: true) }
    }

    /// Returns whether there are weights for models with this base.
    func contains(_ base: String) -> Bool { AtomicFile.isTaken("\(folder)/\(base)") }

    /// Adds an uploaded file. Does nothing if it is there already. Returns the base for models with these weights.
    func add(upload file: String) throws(ModelCopy.Failure) -> String {
        // The name is the digest of the content.
        let name = (file as NSString).lastPathComponent
        if !contains(name) { _ = try ModelCopy(ofFile: file, as: name, models: folder).run() }
        return name
    }

    /// Keeps the files of a model that is about to be removed. Returns the base for models with these weights.
    func keep(_ record: ModelRecord) throws(ModelCopy.Failure) -> String {
        let name = "kept-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
        var copy = try ModelCopy(of: record, as: name, models: folder)
        copy.keepsLinks = true
        _ = try copy.run()
        return name
    }

    /// Removes the weights that no created model needs, and the files of unfinished copies.
    private func removeUnneeded() {
        // If the file of the created models is damaged, it is unknown which weights they need.
        guard let needed = try? created.bases() else { return }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let isNeeded = name.hasPrefix(".") ? !name.hasSuffix(".partial") : needed.contains(name)
            // This removes links, not their targets.
            if !isNeeded { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
        }
    }
}
