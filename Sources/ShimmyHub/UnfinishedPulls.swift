import Foundation
import ShimmyCore
import ShimmyFormats

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The pulls in a model directory that are not complete. All functions block the calling thread.
package struct UnfinishedPulls: Sendable {
    package struct Element: Sendable, Equatable {
        /// The address that continues the pull.
        package let address: String
        /// The repository as `USER/REPO`.
        package let repository: String
        package let pull: UnfinishedPull
        package let doneBytes: Int
        /// Whether this process downloads it now.
        package let isRunning: Bool
        /// The folder of the repository's files.
        fileprivate let folder: String
    }

    private let directory: String
    private let running: RunningPulls

    /// The max number of folders that are searched.
    private static let mostFolders = 10_000

    package init(directory: String, running: RunningPulls = RunningPulls()) {
        self.directory = directory
        self.running = running
    }

    /// Returns all pulls that are not complete, the newest first.
    package func all() -> [Element] {
        var found: [Element] = []
        for repository in repositories() {
            let folder = "\(directory)/\(repository)"
            let manifest = PullManifest.read(in: folder)
            for (address, pull) in manifest.pulls {
                let missing = pull.files.filter { !manifest.has($0, in: folder) }
                let isRunning = running.contains(address)
                // Another address may have brought the files.
                if missing.isEmpty, !isRunning { continue }
                let remaining = missing.reduce(0) { $0.saturated(adding: $1.size - ModelPuller.arrived($1, in: folder)) }
                found.append(
                    Element(
                        address: address, repository: repository, pull: pull, doneBytes: max(0, pull.totalBytes - remaining), isRunning: isRunning,
                        folder: folder))
            }
        }
        return found.sorted { ($1.pull.begun, $0.address) < ($0.pull.begun, $1.address) }
    }

    private func repositories() -> [String] {
        var found: [String] = []
        for user in names(in: directory) {
            for name in names(in: "\(directory)/\(user)") {
                if found.count >= Self.mostFolders { return found }
                found.append("\(user)/\(name)")
            }
        }
        return found
    }

    private func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { HubAddress.isName($0) }.sorted()
    }

    /// Deletes the data of a pull: incomplete files, and complete ones that are no model without the missing ones. Returns false if there is no such
    /// pull. Throws `HubError.busy` if a pull writes one of the files.
    package func remove(_ address: String) throws(HubError) -> Bool {
        guard let element = all().first(where: { $0.address == address }) else { return false }
        if element.isRunning { throw .busy(address) }
        let (pull, folder) = (element.pull, element.folder)
        let manifest = PullManifest.read(in: folder)
        let partials = pull.files.filter { !manifest.has($0, in: folder) }.map { PartialFile.path(of: "\(folder)/\($0.path)") }
        // Nothing is deleted if a pull writes one of the files.
        var locks: [Int32] = []
        defer { for lock in locks { close(lock) } }
        for path in partials { if let lock = try PartialFile.locked(path, address) { locks.append(lock) } }
        for path in partials {
            try delete(PartialFile.journalPath(of: path))
            try delete(path)
        }
        for file in pull.files where manifest.has(file, in: folder) && (pull.isFolder || Self.isPart(file)) {
            try delete("\(folder)/\(file.path)")
            try PullManifest.forget(file.path, in: folder)
        }
        try PullManifest.end(address, in: folder)
        // Only empty folders can be removed.
        for file in pull.files where file.path.contains("/") { rmdir(("\(folder)/\(file.path)" as NSString).deletingLastPathComponent) }
        rmdir(folder)
        rmdir((folder as NSString).deletingLastPathComponent)
        return true
    }

    private func delete(_ path: String) throws(HubError) {
        do {
            try OwnedDirectory(directory).remove(path)
        } catch {
            throw .cannotWrite(path, reason: "it cannot be deleted")
        }
    }

    /// Returns whether a file is a part of a split model.
    private static func isPart(_ file: HubFile) -> Bool { FileName((file.path as NSString).lastPathComponent)?.part != nil }
}
