import Crypto
import Foundation
import ShimmyCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The SHA-256 of a file as Ollama's API writes it: `sha256:` or `sha256-`, and 64 hexadecimal digits.
package struct BlobDigest: Sendable, Equatable, CustomStringConvertible {
    let hex: String

    /// Returns nil for any other text, so that a digest cannot lead out of the store.
    package init?(_ text: String) {
        let hex = text.dropFirst("sha256:".count)
        guard text.hasPrefix("sha256:") || text.hasPrefix("sha256-"), hex.utf8.count == 64, hex.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            return nil
        }
        self.hex = hex.lowercased()
    }

    package var description: String { "sha256:\(hex)" }
}

/// The reason why a file cannot be uploaded.
package enum BlobError: Error, Equatable, CustomStringConvertible {
    case wrongDigest(BlobDigest, found: String)
    /// The disk has too little space. Sizes are in bytes.
    case diskFull(needed: Int, free: Int)
    /// The max number of uploads is running.
    case tooMany(Int)
    case cannotWrite(String)
    /// The file has more bytes than all files may have.
    case tooLarge(most: Int)

    package var description: String {
        switch self {
        case .wrongDigest(let digest, let found): "digest mismatch, expected \(digest), got sha256:\(found)"
        case .diskFull(let needed, let free): "the disk has \(free) bytes free, but \(needed) are needed"
        case .tooMany(let most): "\(most) uploads are running, which is the max"
        case .cannotWrite(let reason): "the file cannot be written: \(reason)"
        case .tooLarge(let most): "it has more than \(most) bytes, which is the max"
        }
    }
}

/// Files that clients upload to make models from them. Only the user of this process can read them. A file is deleted after a day, or earlier if
/// newer ones need the space: a model that was made from it has a file of its own.
package final class BlobStore: Sendable {
    private let directory: String
    private let running = Mutex(0)
    /// The max number of uploads at a time.
    package static let mostUploads = 4
    /// The number of seconds for which a file is kept.
    private static let lifetime = 86_400.0
    /// The bytes that stay free on the disk.
    static let reserve = 1 << 30
    /// The max number of bytes of all files together, and so of one file.
    package static let mostBytes = 1 << 40
    /// The time between two searches for old files.
    private static let cleaningInterval = Duration.seconds(600)
    private let mostBytes: Int

    /// - models: Shimmy's model directory. The files lie on the same disk, so that a model can be a hard link to them.
    package init(models: String, mostBytes: Int = BlobStore.mostBytes) {
        directory = models + "/.blobs"
        self.mostBytes = mostBytes
    }

    /// The number of uploads that are running.
    package var runningUploads: Int { running.withLock { $0 } }

    /// Deletes old files now and every ten minutes, until the task is cancelled.
    package func keepClean() async {
        while !Task.isCancelled {
            await clean()
            try? await Task.sleep(for: Self.cleaningInterval)
        }
    }

    /// Deletes the files that are too old, and the oldest of those that are too large together.
    package func clean() async {
        let (directory, mostBytes) = (directory, mostBytes)
        try? await WorkerPool.files.run(.slow) { _ in Self.deleteOldFiles(in: directory, most: mostBytes) }
    }

    /// Returns the path of a file; nil if there is none.
    package func path(of digest: BlobDigest) async throws -> String? {
        let path = location(digest)
        return try await DiskWork.shared.run(patience: 30) { FileManager.default.fileExists(atPath: path) ? path : nil }
    }

    private func location(_ digest: BlobDigest) -> String { "\(directory)/sha256-\(digest.hex)" }

    /// Begins an upload. Throws `BlobError`.
    /// - length: the announced size in bytes; nil if it is unknown.
    package func begin(_ digest: BlobDigest, length: Int?) async throws -> BlobUpload {
        let isAllowed = running.withLock { running in
            if running >= Self.mostUploads { return false }
            running += 1
            return true
        }
        guard isAllowed else { throw BlobError.tooMany(Self.mostUploads) }
        let place = UploadPlace { [self] in running.withLock { $0 -= 1 } }
        let (directory, path, mostBytes) = (directory, location(digest), mostBytes)
        return try await WorkerPool.files.run(.slow) { _ in
            let length = length ?? 0
            guard length <= mostBytes else { throw BlobError.tooLarge(most: mostBytes) }
            try Self.prepare(directory)
            try Self.checkSpace(for: length, at: directory)
            Self.deleteOldFiles(in: directory, most: mostBytes - length)
            return try BlobUpload(digest, path: path, most: mostBytes, place)
        }
    }

    /// Creates the directory.
    private static func prepare(_ directory: String) throws(BlobError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .cannotWrite("the directory cannot be created")
        }
    }

    /// Deletes the files that are too old, among them those of uploads that a killed process did not complete, and the oldest complete ones beyond
    /// `most` bytes.
    private static func deleteOldFiles(in directory: String, most: Int) {
        var complete: [(path: String, written: Date, bytes: Int)] = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] where name.hasPrefix("sha256-") {
            let path = "\(directory)/\(name)"
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
                let written = attributes[.modificationDate] as? Date
            else { continue }
            if written.timeIntervalSinceNow < -lifetime {
                unlink(path)
            } else if !name.hasSuffix(".partial") {
                complete.append((path, written, attributes[.size] as? Int ?? 0))
            }
        }
        var remaining = complete.reduce(0) { $0.saturated(adding: $1.bytes) }
        for file in complete.sorted(by: { $0.written < $1.written }) where remaining > most {
            unlink(file.path)
            remaining -= file.bytes
        }
    }

    static func checkSpace(for bytes: Int, at directory: String) throws(BlobError) {
        let needed = bytes.saturated(adding: reserve)
        if let free = DiskSpace.free(at: directory), free < needed { throw .diskFull(needed: needed, free: free) }
    }
}

/// Runs an action when the last reference to an upload is gone.
final class UploadPlace: Sendable {
    private let release: @Sendable () -> Void

    init(release: @escaping @Sendable () -> Void) { self.release = release }

    deinit { release() }
}

/// A file that arrives. It is deleted unless `finish` returns.
package final class BlobUpload: Sendable {
    private struct State {
        var hash = SHA256()
        /// The bytes since the last check of the disk's space.
        var unchecked = 0
        var count = 0
        var isFinished = false
    }

    private let digest: BlobDigest
    private let path: String
    private let partial: String
    /// The max size of the file in bytes.
    private let most: Int
    private let descriptor: Int32
    private let place: UploadPlace
    private let state = Mutex(State())
    /// The number of bytes after which the disk's space is checked again.
    private static let checkInterval = 64 << 20

    init(_ digest: BlobDigest, path: String, most: Int, _ place: UploadPlace) throws(BlobError) {
        (self.digest, self.path, self.most, self.place) = (digest, path, most, place)
        partial = "\(path).\(UInt32.random(in: 0 ... .max)).partial"
        descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .cannotWrite(String(cString: strerror(errno))) }
    }

    deinit {
        close(descriptor)
        if !state.withLock({ $0.isFinished }) { unlink(partial) }
    }

    /// Appends bytes. Throws `BlobError`.
    package func append(_ bytes: [UInt8]) async throws {
        try await WorkerPool.files.run(.slow) { [self] _ in try write(bytes) }
    }

    private func write(_ bytes: [UInt8]) throws {
        try state.withLock { state in
            guard bytes.count <= most - state.count else { throw BlobError.tooLarge(most: most) }
            state.count += bytes.count
            state.unchecked += bytes.count
            if state.unchecked >= Self.checkInterval {
                try BlobStore.checkSpace(for: bytes.count, at: (path as NSString).deletingLastPathComponent)
                state.unchecked = 0
            }
            state.hash.update(data: bytes)
            var done = 0
            while done < bytes.count {
                let count = bytes[done...].withUnsafeBytes { Self.write(descriptor, $0) }
                if count > 0 {
                    done += count
                } else if errno != EINTR {
                    throw BlobError.cannotWrite(String(cString: strerror(errno)))
                }
            }
        }
    }

    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            return Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            return Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    /// Checks the digest and gives the file its name. Throws `BlobError`.
    package func finish() async throws {
        try await WorkerPool.files.run(.slow) { [self] _ in
            try state.withLock { state in
                let found = state.hash.finalize().hexadecimal
                guard found == digest.hex else { throw BlobError.wrongDigest(digest, found: found) }
                guard rename(partial, path) == 0 else { throw BlobError.cannotWrite(String(cString: strerror(errno))) }
                state.isFinished = true
            }
        }
    }
}
