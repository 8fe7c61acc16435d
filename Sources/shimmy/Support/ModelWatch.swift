import Logging
import ShimmyCore
import ShimmyModels

/// Keeps the lists of models and aliases up to date with the disk.
struct ModelWatch: Sendable {
    let options: ModelOptions
    let models: ModelManager
    private let watcher = FolderWatcher()
    /// The number of seconds to wait for a disk.
    private static let patience = 30.0

    init(options: ModelOptions, models: ModelManager) {
        self.options = options
        self.models = models
    }

    /// Runs until its task is cancelled. Files often change in several steps and in groups, so the scan runs 400 ms after a change.
    func run() async {
        await watchFolders()
        for await _ in watcher.changes {
            guard (try? await Task.sleep(for: .milliseconds(400))) != nil else { return }
            await look()
        }
    }

    private var watchedFolders: [WatchedFolder] {
        options.discovery.watchedFolders + [options.aliasFile.path, options.createdModelFile.path].map(WatchedFolder.init(around:))
    }

    /// Scans the disk now.
    func look() async {
        // Watch before the scan, so that the scan finds a file that was added to a folder before the folder was watched.
        await watchFolders()
        await models.rescan()
    }

    /// Updates the watched folders. If the disk does not answer, they stay the same.
    private func watchFolders() async {
        _ = try? await DiskWork.shared.run(patience: Self.patience) { watcher.watch(watchedFolders) }
    }
}
