import Foundation
import ShimmyCore
import Synchronization

/// A folder to look at for changes.
package struct WatchedFolder: Hashable, Sendable {
    package let path: String
    /// The names in it that matter; nil for all but hidden ones and unfinished downloads.
    package let names: Set<String>?

    package init(path: String, names: Set<String>? = nil) {
        self.path = path
        self.names = names
    }

    /// The folder of a file, for that file's sake; or what is there of the way to it.
    package init(around path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        if folder == path || FileManager.default.fileExists(atPath: folder) {
            self.init(path: folder, names: [(path as NSString).lastPathComponent])
        } else {
            self.init(around: folder)
        }
    }

    /// Whether a change of this name is one.
    package func cares(about name: String) -> Bool {
        names?.contains(name) ?? !(name.hasPrefix(".") || [".part", ".partial", ".incomplete", ".lock"].contains { name.hasSuffix($0) })
    }
}

/// Tells when files come, go or are written anew in folders. On Linux the kernel says so; elsewhere, and where the kernel watches no more
/// folders, it is seen by the folders' times every two seconds, which shows what comes and goes.
package final class FolderWatcher: Sendable {
    /// Something changed since the last element. What it was has to be looked up.
    package let changes: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation
    private let polled: Mutex<(folders: [WatchedFolder], times: FolderTimes)> = Mutex(([], FolderTimes([])))
    private let polling: Mutex<Task<Void, Never>?> = Mutex(nil)
    #if os(Linux)
        private let kernel: KernelWatches?
    #endif

    package init() {
        (changes, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        #if os(Linux)
            kernel = KernelWatches { [tell] in tell.yield() }
        #endif
        polling.withLock { $0 = Task { [weak self] in await Self.poll { self } } }
    }

    deinit {
        polling.withLock { $0?.cancel() }
        tell.finish()
    }

    /// From now on it is these folders. Blocks: it looks at each of them.
    package func watch(_ folders: [WatchedFolder]) {
        #if os(Linux)
            let rest = kernel?.watch(folders) ?? folders
        #else
            let rest = folders
        #endif
        polled.withLock { $0 = (rest, FolderTimes(rest)) }
    }

    private static func poll(_ watcher: () -> FolderWatcher?) async {
        while (try? await Task.sleep(for: .seconds(2))) != nil, let watcher = watcher() {
            // Waits for a disk that hangs for as long as it hangs: there is one such look at a time.
            _ = try? await WorkerPool.files.run(.slow) { _ in watcher.look() }
        }
    }

    private func look() {
        let hasChanged = polled.withLock { polled in
            if polled.folders.isEmpty { return false }
            let times = FolderTimes(polled.folders)
            defer { polled.times = times }
            return times != polled.times
        }
        if hasChanged { tell.yield() }
    }
}

/// When folders, and the files in them that are named, last changed.
private struct FolderTimes: Equatable {
    private var times: [String: FileTime?] = [:]

    init(_ folders: [WatchedFolder]) {
        for folder in folders {
            times[folder.path] = FileTime(path: folder.path)
            for name in folder.names ?? [] { times["\(folder.path)/\(name)"] = FileTime(path: "\(folder.path)/\(name)") }
        }
    }
}
