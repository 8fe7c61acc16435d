import AsyncHTTPClient
import Foundation
import ShimmyCore
package import ShimmyModels
import Synchronization

/// How far a pull is.
package struct PullProgress: Sendable, Equatable {
    package enum Stage: String, Sendable {
        case downloading, verifying
    }

    package var stage: Stage
    /// Within the repository.
    package var file: String
    /// Of all files together.
    package var doneBytes: Int
    package var totalBytes: Int
}

/// A pull that can begin: everything about it is known and there is room for it.
package struct PlannedPull: Sendable {
    package let address: HubAddress
    package let commit: String
    package let choice: FileChoice
    /// Where the repository's files go.
    package let folder: String
    /// What is not there yet.
    fileprivate let missing: [HubFile]

    package var totalBytes: Int { choice.sizeBytes }

    /// Whether all of it is there already.
    package var isComplete: Bool { missing.isEmpty }

    /// What is fetched, for people. What the model is called depends on what else there is: see `name(among:)`.
    package var title: String { choice.quantization.map { "\(address.repository):\($0)" } ?? address.repository }

    /// What the model is called once it is there.
    /// - records: what a look at the disk found since then.
    package func name(among records: [ModelRecord]) -> String {
        records.found(at: choice.isFolder ? folder : "\(folder)/\(choice.files[0].path)")?.id ?? title
    }
}

/// Fetches models into a directory, as `USER/REPO/FILE`.
package struct ModelPuller: Sendable {
    private let client: HubClient
    private let directory: String

    package init(client: HubClient, directory: String) {
        self.client = client
        self.directory = directory
    }

    /// Asks the hub what there is. Throws `HubError`.
    package func choices(_ address: HubAddress) async throws -> [FileChoice] {
        FileChoice.all(in: try await client.files(of: address).files)
    }

    /// Decides what to fetch and checks that the disk has room. Throws `HubError`.
    /// - memory: bytes that a model may take, for the choice of a quantization; nil for any number.
    package func plan(_ address: HubAddress, memory: Int?) async throws -> PlannedPull {
        let (commit, files) = try await client.files(of: address)
        let choice = try FileChoice.choose(address, from: files, memory: memory)
        let folder = "\(directory)/\(address.repository)"
        let missing = try await WorkerPool.files.run { _ in try self.missing(of: choice, in: folder) }
        return PlannedPull(address: address, commit: commit, choice: choice, folder: folder, missing: missing)
    }

    /// What is not there yet. Makes the folder; blocks.
    private func missing(of choice: FileChoice, in folder: String) throws(HubError) -> [HubFile] {
        try Self.makeFolder(folder)
        let manifest = PullManifest.read(in: folder)
        let missing = choice.files.filter { !manifest.has($0, in: folder) }
        // A folder may be a link to another disk: new files may go there, but no file is replaced that is not Shimmy's.
        let owned = OwnedDirectory(directory)
        for file in missing {
            if let place = owned.strangePlace(of: "\(folder)/\(file.path)") {
                throw .cannotWrite("\(folder)/\(file.path)", reason: "it is \(place), which is not in \(directory)")
            }
        }
        let needed = missing.reduce(0) { $0.saturated(adding: $1.size - Self.arrived($1, in: folder)) }
        if let free = DiskSpace.free(at: folder), needed > free { throw .diskFull(folder, needed: needed, free: free) }
        return missing
    }

    /// Fetches what is missing, one file after the other. Throws `HubError`; what has arrived stays for the next try.
    /// - progress: told in order, and waited for.
    package func run(_ plan: PlannedPull, progress: @escaping @Sendable (PullProgress) -> Void) async throws {
        let total = plan.totalBytes
        let done = Mutex(total - plan.missing.reduce(0) { $0.saturated(adding: $1.size) })
        for file in plan.missing {
            let target = "\(plan.folder)/\(file.path)"
            let isThere = try await WorkerPool.files.run { _ -> Bool in
                // Another pull may have brought it since.
                if PullManifest.read(in: plan.folder).has(file, in: plan.folder) { return true }
                try Self.makeFolder((target as NSString).deletingLastPathComponent)
                return false
            }
            if isThere {
                done.withLock { $0 = $0.saturated(adding: file.size) }
                continue
            }
            let download = FileDownload(
                client: client, repository: plan.address.repository, commit: plan.commit, file: file, target: target)
            try await download.run { bytes in
                // Told under the lock: several ranges arrive at once, and progress does not go back.
                done.withLock { done in
                    done = done.saturated(adding: bytes)
                    progress(PullProgress(stage: .downloading, file: file.path, doneBytes: min(done, total), totalBytes: total))
                }
            } verifying: {
                progress(PullProgress(stage: .verifying, file: file.path, doneBytes: min(done.withLock { $0 }, total), totalBytes: total))
            }
            // Waits for other pulls of the repository.
            try await WorkerPool.files.run(.slow) { _ in try PullManifest.note(file, in: plan.folder) }
        }
        progress(PullProgress(stage: .downloading, file: plan.choice.files.last?.path ?? "", doneBytes: total, totalBytes: total))
    }

    private static func makeFolder(_ path: String) throws(HubError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .cannotWrite(path, reason: "the directory cannot be made")
        }
    }

    private static func arrived(_ file: HubFile, in folder: String) -> Int {
        let path = "\(folder)/\(file.path)" as NSString
        var status = stat()
        guard stat("\(path.deletingLastPathComponent)/.\(path.lastPathComponent).partial", &status) == 0 else { return 0 }
        return min(Int(status.st_blocks) * 512, file.size)
    }
}
