import Synchronization

/// Remembers what was read of files for as long as they stay as they are: a look at the disk finds mostly what the last one found.
final class KnownRecords: Sendable {
    static let shared = KnownRecords()

    private struct Known {
        let times: [FileTime?]
        let record: ModelRecord
    }

    private static let most = 10_000
    private let known = Mutex<[[String]: Known]>([:])

    /// - files: all that the record is made of, those that may come included.
    /// - read: makes the record anew.
    func record(of files: [String], id: String, source: ModelSource, read: () -> ModelRecord) -> ModelRecord {
        // Before they are read: who writes in between changes them once more.
        let times = files.map(FileTime.init(path:))
        if let known = known.withLock({ $0[files] }), known.times == times {
            var record = known.record
            (record.id, record.source) = (id, source)
            return record
        }
        let record = read()
        // A file that changes twice within a step of its clock looks the same.
        guard times.allSatisfy({ $0?.isSettled ?? true }) else { return record }
        known.withLock { known in
            if known.count >= Self.most { known.removeAll() }
            known[files] = Known(times: times, record: record)
        }
        return record
    }
}
