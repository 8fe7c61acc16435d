import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Detects that another program has shortened the journal in place, so that committed data in it is lost although the file is the same.
///
/// SQLite shortens the journal only when it starts it anew, with other salts in its header. It does not notice a file that became shorter: the next
/// commit leaves a hole in the place of the lost data.
final class JournalWatch: Sendable {
    /// The journal at one time.
    private struct Journal {
        var size: Int
        /// The salts of the header; nil if the file does not begin with the header of a journal.
        var salts: [UInt8]?
    }

    private struct State {
        /// The journal after the last commit; nil before the first one.
        var last: Journal?
        /// Whether the journal was shorter before the current commit than after the last one.
        var hasShrunk = false
        var isLost = false
    }

    private let path: String
    private let state = Mutex(State())

    init(_ place: StoragePlace) { path = place.journalFile }

    /// Whether a commit found that data is lost.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// Records the journal's size. Called in a transaction that can write, before it writes.
    func willCommit() {
        let size = read()?.size ?? 0
        state.withLock { state in state.hasShrunk = size < state.last?.size ?? 0 }
    }

    /// Records the journal after a commit. Returns false if data of earlier commits is lost.
    func didCommit() -> Bool {
        // A transaction without changes can follow one that emptied the journal.
        guard let journal = read(), journal.size > 0 else { return true }
        return state.withLock { state in
            let isSame = state.hasShrunk && journal.salts == state.last?.salts
            if journal.salts == nil || isSame { state.isLost = true } else { state.last = journal }
            return !state.isLost
        }
    }

    /// Whether the journal is now shorter than after the last commit, and was perhaps not started anew. Any process that uses the database may
    /// empty the journal after copying it to the database, so that an empty one tells nothing.
    var isShortened: Bool {
        guard let journal = read(), journal.size > 0, let last = state.withLock({ $0.last }), journal.size < last.size else { return false }
        return journal.salts == nil || journal.salts == last.salts
    }

    /// Empties a journal whose data is lost, so that SQLite does not copy its holes to the database.
    func discard() { truncate(path, 0) }

    /// Reads the size and the header. Returns nil if there is no file. Closing the file here releases no lock of SQLite, which locks other files.
    private func read() -> Journal? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        var header = [UInt8](repeating: 0, count: 24)
        let count = header.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        // The last bit of the magic number is the byte order of the checksums.
        let isHeader = count == header.count && header.prefix(3) == [0x37, 0x7F, 0x06] && header[3] & 0xFE == 0x82
        return Journal(size: Int(status.st_size), salts: isHeader ? Array(header[16...]) : nil)
    }
}
