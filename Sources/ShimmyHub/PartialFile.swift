import Foundation
import ShimmyCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file that is not all there yet, beside its place, with a journal of the chunks that are: whoever is killed goes on there.
///
/// The journal is only ever appended to. A line that was cut counts for nothing, and a chunk that is there without its line is fetched again.
package final class PartialFile: Sendable {
    package let path: String
    private let journalPath: String
    private let descriptor: Int32
    private let journal: Int32
    /// Chunks that are all there; each is one of the file's.
    package let done: Set<Int>
    private let lock = Mutex(())
    /// Bytes of a journal. One of the largest file has 16 MB; a longer one is damaged.
    private static let longestJournal = 64 << 20

    /// Opens the file for one pull alone. Throws `HubError.busy` when another one has it.
    /// - identity: tells whose bytes these are; those of another file are dropped.
    /// - chunkCount: the file's chunks. Others that the journal names are ignored.
    package init(for target: String, identity: String, size: Int, chunkCount: Int) throws(HubError) {
        let (folder, name) = ((target as NSString).deletingLastPathComponent, (target as NSString).lastPathComponent)
        path = "\(folder)/.\(name).partial"
        journalPath = path + ".journal"
        descriptor = try Self.openAlone(path, name)
        let header = "\(identity) \(size)\n"
        let known = RegularFile.text(journalPath, limit: Self.longestJournal) ?? ""
        // The journal of a file that is gone tells nothing of the one that was made just now.
        let continues = known.hasPrefix(header) && !Self.isEmpty(descriptor)
        done = continues ? Self.chunks(known.dropFirst(header.count), of: chunkCount) : []
        // Neither follows a link, which may lead to a file of another program.
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

    /// Opens a file and locks it. Between the two its owner may have moved it to its place or thrown it away: the lock is then one of what was
    /// placed, which must not be touched, and the file has to be made anew.
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

    /// Whether what is open is still what the path leads to.
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

    package func finish(chunk: Int) throws(HubError) {
        try write(Array("\(chunk)\n".utf8), to: journal)
    }

    /// Reads the file from its beginning in pieces. Blocks; ends with an error of the budget's.
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

    /// Moves the file to its place, for good.
    package func place(at target: String, size: Int) throws(HubError) {
        guard ftruncate(descriptor, off_t(size)) == 0, fsync(descriptor) == 0 else { throw .cannotWrite(target, reason: Self.reason) }
        // First: once the path is free it may be another's, and so may the journal.
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
        // The last line counts only when it was ended.
        let whole = lines.lastIndex(of: "\n").map { lines[..<$0] } ?? ""
        return Set(whole.split(separator: "\n").compactMap { Int($0) }.filter { (0..<count).contains($0) })
    }

    private static var reason: String { String(cString: strerror(errno)) }

    /// Bytes that the file takes on the disk by now.
    var allocatedBytes: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
    }
}
