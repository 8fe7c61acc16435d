import AsyncHTTPClient
import Foundation
import ShimmyCore
package import ShimmyModels
import Synchronization

/// The progress of a pull.
package struct PullProgress: Sendable, Equatable {
    package enum Stage: String, Sendable {
        case downloading, verifying
    }

    package var stage: Stage
    /// The file's path in the repository.
    package var file: String
    /// The received bytes of all files together.
    package var doneBytes: Int
    package var totalBytes: Int
}

/// A pull that can begin: its files are known and the disk has room for them.
package struct PlannedPull: Sendable {
    package let address: HubAddress
    package let commit: String
    package let choice: FileChoice
    /// The folder for the repository's files.
    package let folder: String
    /// The files that are still to be downloaded.
    fileprivate let missing: [HubFile]

    package var totalBytes: Int { choice.sizeBytes }

    /// Whether all files were already downloaded.
    package var isComplete: Bool { missing.isEmpty }

    /// The SHA-256 of the first file that has one, in hexadecimal, to identify the pull; zeros if none has one.
    package var digest: String {
        for file in choice.files { if case .sha256(let hash) = file.hash { return hash } }
        return String(repeating: "0", count: 64)
    }

    /// The address with which a later pull continues this one.
    package var resumeAddress: String {
        let place = address.revision == "main" ? address.repository : "\(address.repository)@\(address.revision)"
        if let file = address.file { return "\(place)/\(file)" }
        if let quantization = choice.quantization { return "\(place):\(quantization)" }
        return choice.isFolder ? place : "\(place)/\(choice.files[0].path)"
    }

    /// The pull as the manifest keeps it.
    fileprivate var unfinished: UnfinishedPull {
        UnfinishedPull(begun: UnixTime.now, totalBytes: totalBytes, isFolder: choice.isFolder, files: missing)
    }

    /// The title for people. The model's name depends on the other models: see `name(among:)`.
    package var title: String { choice.quantization.map { "\(address.repository):\($0)" } ?? address.repository }

    /// Returns the name of the downloaded model.
    /// - records: the models that a later scan of the disk found.
    package func name(among records: [ModelRecord]) -> String {
        records.found(at: choice.isFolder ? folder : "\(folder)/\(choice.files[0].path)")?.id ?? title
    }
}

/// Downloads models into a directory, as `USER/REPO/FILE`.
package struct ModelPuller: Sendable {
    private let client: HubClient
    private let directory: String
    private let running: RunningPulls

    /// - running: gets each pull while it runs.
    package init(client: HubClient, directory: String, running: RunningPulls = RunningPulls()) {
        self.client = client
        self.directory = directory
        self.running = running
    }

    /// Returns the choices that the hub offers. Throws `HubError`.
    package func choices(_ address: HubAddress) async throws -> [FileChoice] {
        FileChoice.all(in: try await client.files(of: address).files)
    }

    /// Chooses the files to download and checks that the disk has room. Throws `HubError`.
    /// - memory: max bytes that a model may take, for the choice of a quantization; nil for no limit.
    package func plan(_ address: HubAddress, memory: Int?) async throws -> PlannedPull {
        let (commit, files) = try await client.files(of: address)
        let choice = try FileChoice.choose(address, from: files, memory: memory)
        let folder = "\(directory)/\(address.repository)"
        let missing = try await WorkerPool.files.run { _ in try self.missing(of: choice, in: folder) }
        return PlannedPull(address: address, commit: commit, choice: choice, folder: folder, missing: missing)
    }

    /// Returns the files that are not downloaded yet, and creates the folder. Blocks the calling thread.
    private func missing(of choice: FileChoice, in folder: String) throws(HubError) -> [HubFile] {
        try Self.makeFolder(folder)
        let manifest = PullManifest.read(in: folder)
        let missing = choice.files.filter { !manifest.has($0, in: folder) }
        // A folder may be a link to another disk. New files may go there, but the puller must not replace files that Shimmy does not own.
        let owned = OwnedDirectory(directory)
        for file in missing {
            if let place = owned.strangePlace(of: "\(folder)/\(file.path)") {
                throw .cannotWrite("\(folder)/\(file.path)", reason: "it leads to \(place), outside \(directory)")
            }
        }
        let needed = missing.reduce(0) { $0.saturated(adding: $1.size - Self.arrived($1, in: folder)) }
        if let free = DiskSpace.free(at: folder), needed > free { throw .diskFull(folder, needed: needed, free: free) }
        return missing
    }

    /// Downloads the missing files one after the other. Throws `HubError`; received data is kept for the next attempt.
    /// - progress: called in order; the download waits for it.
    package func run(_ plan: PlannedPull, progress: @escaping @Sendable (PullProgress) -> Void) async throws {
        running.begin(plan.resumeAddress)
        defer { running.end(plan.resumeAddress) }
        // A pull of another process may wait for the manifest, so that it is written in the slow lane.
        if !plan.isComplete {
            try await WorkerPool.files.run(.slow) { _ in try PullManifest.begin(plan.unfinished, plan.resumeAddress, in: plan.folder) }
        }
        try await download(plan, progress)
        try await WorkerPool.files.run(.slow) { _ in try PullManifest.end(plan.resumeAddress, in: plan.folder) }
    }

    private func download(_ plan: PlannedPull, _ progress: @escaping @Sendable (PullProgress) -> Void) async throws {
        let total = plan.totalBytes
        let done = Mutex(total - plan.missing.reduce(0) { $0.saturated(adding: $1.size) })
        for file in plan.missing {
            let target = "\(plan.folder)/\(file.path)"
            let isThere = try await WorkerPool.files.run { _ -> Bool in
                // Another pull may have downloaded the file meanwhile.
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
                // Report under the lock: several ranges arrive at once, and the reported progress must not decrease.
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
            throw .cannotWrite(path, reason: "the directory cannot be created")
        }
    }

    /// Returns the bytes of an incomplete file that have arrived. Blocks the calling thread.
    static func arrived(_ file: HubFile, in folder: String) -> Int {
        var status = stat()
        guard stat(PartialFile.path(of: "\(folder)/\(file.path)"), &status) == 0 else { return 0 }
        return min(Int(status.st_blocks) * 512, file.size)
    }
}
