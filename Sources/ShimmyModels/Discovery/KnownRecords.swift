import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A cache of the records of unchanged files, because most files are the same as in the last scan of the disk.
package final class KnownRecords: Sendable {
    static let shared = KnownRecords()
    /// The current time in Unix seconds, for tests, because the time of a file's last status change cannot be set; nil for the system's clock.
    @TaskLocal package static var now: Int?

    private struct Known {
        let times: [FileTime?]
        let record: ModelRecord
    }

    private static let most = 10_000
    private let known = Mutex<[[String]: Known]>([:])

    /// - files: all files that the record depends on, including those that may be created later.
    /// - read: creates the record.
    func record(of files: [String], id: String, source: ModelSource, read: () -> ModelRecord) -> ModelRecord {
        // The times are read before the files, so that a write in between changes the times again.
        let times = files.map(FileTime.init(path:))
        if let known = known.withLock({ $0[files] }), known.times == times {
            var record = known.record
            (record.id, record.source) = (id, source)
            return record
        }
        let record = read()
        // A file that changes twice within one step of its clock looks unchanged.
        let now = Self.now ?? time(nil)
        guard times.allSatisfy({ $0?.isSettled(at: now) ?? true }) else { return record }
        known.withLock { known in
            if known.count >= Self.most { known.removeAll() }
            known[files] = Known(times: times, record: record)
        }
        return record
    }
}
