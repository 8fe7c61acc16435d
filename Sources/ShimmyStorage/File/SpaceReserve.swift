import ShimmyCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file beside the database whose space lets deletions continue when the disk is full, because a deletion writes to the journal first.
///
/// The file itself is the state, so that all processes that use the directory share it. While it is missing for lack of space, only deletions
/// may use the disk. The file appears at its path complete, and only one process at a time writes a new one.
final class SpaceReserve: Sendable {
    /// The size of the file. A deletion of one record seldom changes more pages.
    static let bytes = 1 << 20
    /// The name of the file while it is written.
    static let partialName = "reserve.partial"

    private let directory: String
    private let path: String
    private let partialPath: String
    /// Whether the file can be created, regardless of free space.
    private let isAllowed = Mutex(true)

    init(_ place: StoragePlace) {
        directory = place.directory
        path = place.reserveFile
        partialPath = "\(place.directory)/\(Self.partialName)"
    }

    /// Whether the file is missing and can be created when the disk has room.
    var isReleased: Bool { isAllowed.withLock { $0 } && !isWhole }

    /// Creates the file if it is missing. Returns false if the disk has no room for it.
    @discardableResult
    func restore() -> Bool {
        guard isReleased else { return true }
        if let free = DiskSpace.free(at: directory), free < Self.bytes { return false }
        return create()
    }

    /// Deletes the file. Returns whether this freed space.
    func release() -> Bool { unlink(path) == 0 }

    private var isWhole: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_size >= Self.bytes
    }

    /// Creates the file, or leaves it to another process that is creating it. Returns false if the disk has no room for it.
    private func create() -> Bool {
        let descriptor = open(partialPath, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return fail(errno) }
        defer { close(descriptor) }
        // The lock ends with the process, so that a file that a killed process left is written again.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return errno == EWOULDBLOCK || errno == EINTR || fail(errno) }
        // Another process may have completed or removed the file since it was opened here.
        guard FileIdentity(descriptor: descriptor) == FileIdentity(path: partialPath), !isWhole else { return true }
        if let reason = fill(descriptor) {
            unlink(partialPath)
            return fail(reason)
        }
        guard rename(partialPath, path) == 0 else { return fail(errno) }
        return true
    }

    /// Writes the content of the file. Returns the reason of a failure.
    private func fill(_ descriptor: CInt) -> CInt? {
        guard ftruncate(descriptor, 0) == 0 else { return errno }
        // File systems that compress would store zeros in no space.
        var generator = SystemRandomNumberGenerator()
        let block = (0..<1 << 16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var remaining = Self.bytes
        while remaining > 0 {
            let count = block.withUnsafeBytes { write(descriptor, $0.baseAddress, min(remaining, $0.count)) }
            let reason = errno
            if count < 0, reason == EINTR { continue }
            guard count > 0 else { return reason }
            remaining -= count
        }
        return nil
    }

    /// Returns false for lack of space. Any other reason will not pass, so that the database then has no reserve.
    private func fail(_ reason: CInt) -> Bool {
        if Self.isFull(reason) { return false }
        isAllowed.withLock { $0 = false }
        return true
    }

    private static func isFull(_ reason: CInt) -> Bool { reason == ENOSPC || reason == EDQUOT }
}
