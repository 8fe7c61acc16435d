import Logging
import ShimmyCore
import ShimmyModels

/// Keeps the list of models and of their other names as the disk is.
struct ModelWatch: Sendable {
    let options: ModelOptions
    let models: ModelManager
    private let watcher = FolderWatcher()
    /// Seconds to wait for a disk.
    private static let patience = 30.0

    init(options: ModelOptions, models: ModelManager) {
        self.options = options
        self.models = models
    }

    /// Until its task is cancelled. Files mostly come in several steps and together; they are looked for a moment later.
    func run() async {
        await watchFolders()
        for await _ in watcher.changes {
            guard (try? await Task.sleep(for: .milliseconds(400))) != nil else { return }
            await look()
        }
    }

    private var watchedFolders: [WatchedFolder] { options.discovery.watchedFolders + [WatchedFolder(around: options.aliasFile.path)] }

    /// Looks at the disk now.
    func look() async {
        // First, so that nothing comes between: a file in a folder that is not watched yet is there for the scan.
        await watchFolders()
        await models.rescan()
    }

    /// On a disk that does not answer, what is watched stays as it was.
    private func watchFolders() async {
        _ = try? await DiskWork.shared.run(patience: Self.patience) { watcher.watch(watchedFolders) }
    }
}
