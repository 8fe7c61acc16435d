import Dispatch
import Foundation
import GRDB

/// The table of usage, in an SQLite file of the data directory. Several processes may use it.
///
/// All functions throw `UsageError`. Waiting callers block no thread.
package final class UsageStore: Sendable {
    package static let fileName = "usage.sqlite"

    private let file: AccountFile
    /// The queue of the file, whose accesses block.
    private let queue = DispatchQueue(label: "shimmy.usage", qos: .utility)

    /// - directory: Shimmy's data directory, which need not exist.
    /// - patience: max seconds to wait for another process that has locked the file.
    package init(directory: String, patience: Double = 5) {
        file = AccountFile(directory: directory, name: Self.fileName, label: "shimmy.usage", patience: patience)
    }

    package var path: String { file.path }

    private struct EmptyFile: Error, CustomStringConvertible {
        let description = "the file is empty, so its rows are lost"
    }

    /// Throws if the file exists and is empty. SQLite would take it for a new table.
    package func checkFile() async throws {
        try await onQueue { [path] in
            guard let file = FileHandle(forReadingAtPath: path) else { return }
            defer { try? file.close() }
            if try file.seekToEnd() == 0 { throw EmptyFile() }
        }
    }

    /// Adds sums to rows, in one transaction.
    package func add(_ rows: [UsageOrigin: UsageSums]) async throws {
        try await onQueue { [self] in
            try file.create()
            try withDatabase { database in
                try database.write { database in
                    for (origin, sums) in rows { try UsageSchema.add(sums, to: origin, database) }
                }
            }
        }
    }

    /// Deletes the rows of the days before `day`.
    package func prune(before day: Int) async throws {
        try await onQueue { [self] in
            guard FileManager.default.fileExists(atPath: path) else { return }
            try withDatabase { try $0.write { try $0.execute(sql: "DELETE FROM usage WHERE day < ?", arguments: [day]) } }
        }
    }

    /// Returns the sums of the selected rows, ordered by the query's dimensions. Without dimensions, there is one line.
    package func lines(_ query: UsageQuery) async throws -> [UsageLine] {
        try await onQueue { [self] in
            guard FileManager.default.fileExists(atPath: path) else { return [] }
            return try withDatabase { try $0.read { try UsageSchema.lines(query, $0) } }
        }
    }

    // MARK: On the queue

    private func onQueue<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [path] in
                continuation.resume(with: Result(catching: work).mapError { UsageError($0, path: path) })
            }
        }
    }

    private func withDatabase<Value>(_ work: (DatabaseQueue) throws -> Value) throws -> Value {
        try file.open(UsageSchema.migrator, work)
    }
}

/// The reason why the table of usage cannot be read or written.
package struct UsageError: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ error: any Error, path: String) {
        let reason = (error as? DatabaseError).map { $0.message ?? "SQLite reports \($0.resultCode.rawValue)" } ?? "\(error)"
        description = "the usage in \(path) cannot be used: \(reason)"
    }
}
