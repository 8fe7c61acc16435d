import Foundation
import ShimmyCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An incomplete file next to its target, with a journal of its complete chunks, so that an interrupted download resumes.
///
/// The journal is append-only. An incomplete line is ignored, and a chunk without a line is downloaded again.
package final class PartialFile: Sendable {
    package let path: String
    private let journalPath: String
    private let descriptor: Int32
    private let journal: Int32
    /// The complete chunks; each is a valid chunk index.
    package let done: Set<Int>
    private let lock = Mutex(())
    /// The max size of a journal in bytes. The journal of the largest possible file has 16 MB; a longer one is damaged.
    private static let longestJournal = 64 << 20

    /// Opens the file for one pull exclusively. Throws `HubError.busy` if another pull has opened it.
    /// - identity: identifies the content; data with another identity is discarded.
    /// - chunkCount: the number of chunks of the file. The journal's entries for other chunks are ignored.
    package init(for target: String, identity: String, size: Int, chunkCount: Int) throws(HubError) {
        path = Self.path(of: target)
        journalPath = Self.journalPath(of: path)
        descriptor = try Self.openAlone(path, (target as NSString).lastPathComponent)
        let header = "\(identity) \(size)\n"
        let known = RegularFile.text(journalPath, limit: Self.longestJournal) ?? ""
        // The file is empty if it was just created. Then the journal belongs to an earlier file.
        let continues = known.hasPrefix(header) && !Self.isEmpty(descriptor)
        done = continues ? Self.chunks(known.dropFirst(header.count), of: chunkCount) : []
        // Neither call to `open` follows a link, which could lead to another program's file.
        journal = open(journalPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (continues ? 0 : O_TRUNC), 0o644)
        guard journal >= 0 else {
            close(descriptor)
            throw .cannotWrite(journalPath, reason: Self.reason)
        }
        if !continues {
            try write(Array(header.utf8), to: journal)
            guard ftruncate(descriptor, 0) == 0 else { throw .cannotWrite(path, reason: Self.reason) }
        } else if !known.hasSuffix("\n") {
            try write([UInt8(ascii: "\n")], to: journal)
        }
    }

    deinit {
        close(descriptor)
        close(journal)
    }

    /// Returns the path of the incomplete file of a target.
    static func path(of target: String) -> String {
        "\((target as NSString).deletingLastPathComponent)/.\((target as NSString).lastPathComponent).partial"
    }

    /// - path: the path of the incomplete file.
    static func journalPath(of path: String) -> String { path + ".journal" }

    /// Opens an incomplete file and locks it, so that no pull continues it until the descriptor is closed. Returns nil if there is no such file.
    /// Throws `HubError.busy` if a pull writes to it.
    static func locked(_ path: String, _ name: String) throws(HubError) -> Int32? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .cannotWrite(path, reason: reason)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .busy(name)
        }
        return descriptor
    }

    /// Opens and locks the file. Between these two steps, the previous owner may have moved the file to its target or deleted it. The lock
    /// would then belong to the finished file, which must not change, so that the file is created again.
    private static func openAlone(_ path: String, _ name: String) throws(HubError) -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard descriptor >= 0 else { throw .cannotWrite(path, reason: reason) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw .busy(name)
            }
            if isFile(descriptor, at: path) { return descriptor }
            close(descriptor)
        }
    }

    /// Returns whether the open file is still the one at `path`.
    package static func isFile(_ descriptor: Int32, at path: String) -> Bool {
        var opened = stat()
        var named = stat()
        guard fstat(descriptor, &opened) == 0, stat(path, &named) == 0 else { return false }
        return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
    }

    private static func isEmpty(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) != 0 || status.st_size == 0
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .cannotWrite(path, reason: Self.reason) }
            written += count
        }
    }

    /// Whether the journal has a chunk after its header, so that another pull can continue. Blocks the calling thread.
    package var isResumable: Bool {
        (RegularFile.text(journalPath, limit: Self.longestJournal) ?? "").split(separator: "\n").count > 1
    }

    package func finish(chunk: Int) throws(HubError) {
        try write(Array("\(chunk)\n".utf8), to: journal)
    }

    /// Reads the file from the beginning, piece by piece. Blocks the calling thread. Throws the budget's error.
    func read(_ piece: (UnsafeRawBufferPointer) -> Void, upTo size: Int, budget: WorkBudget) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 64)
        defer { buffer.deallocate() }
        var offset = 0
        while offset < size {
            let count = pread(descriptor, buffer.baseAddress, min(buffer.count, size - offset), off_t(offset))
            guard count > 0 else { return }
            piece(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += count
            try budget.check()
        }
    }

    /// Moves the complete file to its target.
    package func place(at target: String, size: Int) throws(HubError) {
        guard ftruncate(descriptor, off_t(size)) == 0, fsync(descriptor) == 0 else { throw .cannotWrite(target, reason: Self.reason) }
        // Remove the journal first. After the rename, another pull may create new files at both paths.
        unlink(journalPath)
        guard rename(path, target) == 0 else { throw .cannotWrite(target, reason: Self.reason) }
    }

    package func discard() {
        unlink(journalPath)
        unlink(path)
    }

    private func write(_ bytes: [UInt8], to file: Int32) throws(HubError) {
        let written = lock.withLock { _ in
            bytes.withUnsafeBytes { bytes in
                #if canImport(Glibc)
                    Glibc.write(file, bytes.baseAddress, bytes.count)
                #else
                    Darwin.write(file, bytes.baseAddress, bytes.count)
                #endif
            }
        }
        guard written == bytes.count else { throw .cannotWrite(journalPath, reason: Self.reason) }
    }

    private static func chunks(_ lines: Substring, of count: Int) -> Set<Int> {
        // An unterminated last line is ignored.
        let whole = lines.lastIndex(of: "\n").map { lines[..<$0] } ?? ""
        return Set(whole.split(separator: "\n").compactMap { Int($0) }.filter { (0..<count).contains($0) })
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
