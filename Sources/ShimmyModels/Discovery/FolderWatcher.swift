import Foundation
import ShimmyCore
import Synchronization

/// A folder to watch for changes.
package struct WatchedFolder: Hashable, Sendable {
    package let path: String
    /// The file names to watch; nil for all names except hidden files and unfinished downloads.
    package let names: Set<String>?

    package init(path: String, names: Set<String>? = nil) {
        self.path = path
        self.names = names
    }

    /// Watches the folder of a file, for changes of that file only. If the folder does not exist, watches the closest existing folder above it
    /// for the next folder on the path.
    package init(around path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        if folder == path || FileManager.default.fileExists(atPath: folder) {
            self.init(path: folder, names: [(path as NSString).lastPathComponent])
        } else {
            self.init(around: folder)
        }
    }

    /// Returns whether a change of a file with this name matters.
    package func cares(about name: String) -> Bool {
        names?.contains(name) ?? !(name.hasPrefix(".") || [".part", ".partial", ".incomplete", ".lock"].contains { name.hasSuffix($0) })
    }
}

/// A watcher that reports when files in folders are added, removed or rewritten. On Linux the kernel reports these changes. Elsewhere, and for
/// folders beyond the kernel's limit, the watcher compares the folders' times every two seconds, which detects added and removed files.
package final class FolderWatcher: Sendable {
    /// Yields an element after one or more changes. The element does not name the changes; the consumer has to find them.
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

    /// Replaces the watched folders. Blocks, because it reads each of them.
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
            // If a disk hangs, this waits as long as the disk hangs, so that at most one such look runs at a time.
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

/// The times when folders, and the named files in them, last changed.
private struct FolderTimes: Equatable {
    private var times: [String: FileTime?] = [:]

    init(_ folders: [WatchedFolder]) {
        for folder in folders {
            times[folder.path] = FileTime(path: folder.path)
            for name in folder.names ?? [] { times["\(folder.path)/\(name)"] = FileTime(path: "\(folder.path)/\(name)") }
        }
    }
}
