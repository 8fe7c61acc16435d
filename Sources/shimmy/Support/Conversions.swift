import Foundation
import Logging
import ShimmyConversion
import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyModels
import Synchronization

/// The GGUF files in the cache directory that were converted from folders of SafeTensors.
struct Conversions: Sendable {
    let directory: String
    private let running = RunningConversions()

    init(in directories: Directories) { self.init(directory: directories.cache + "/converted") }

    init(directory: String) { self.directory = directory }

    /// The version of the conversion; raised whenever its output changes.
    private static let version = "2"

    /// Returns the path of the GGUF file for a folder. The name contains a hash of the names and stamps of all files that the conversion reads, so a
    /// changed folder gets another path.
    func path(of record: ModelRecord) -> String {
        let files = record.shards + FolderConverter.describingFiles.map { "\(record.path)/\($0)" }
        let stamps = files.map { "\(($0 as NSString).lastPathComponent) \(FileStamp(path: $0)?.text ?? "-")" }
        return "\(directory)/\(Self.beginning(record))\(Self.hash([Self.version] + stamps)).gguf"
    }

    /// Returns the path of the GGUF file for a folder, converting the folder on first use and after a change. Concurrent callers that need the same
    /// file share one conversion: a model and its variants use the same folder.
    func converted(_ record: ModelRecord, logger: Logger, _ progress: LoadProgress) async throws -> String {
        let path = path(of: record)
        if FileManager.default.fileExists(atPath: path) { return path }
        try await running.join(path, progress) { audience in
            try await onOwnThread(named: "convert") { try convert(record, to: path, logger, audience) }
        }
        return path
    }

    /// Converts the folder; blocks until the conversion ends. The file appears at `path` only when it is complete.
    private func convert(_ record: ModelRecord, to path: String, _ logger: Logger, _ audience: Audience) throws {
        // Another conversion of the same folder may have ended since the caller checked.
        if FileManager.default.fileExists(atPath: path) { return }
        logger.notice("converting model", metadata: ["model": "\(record.id)", "bytes": .stringConvertible(record.sizeBytes), "to": "\(path)"])
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        UnfinishedFiles.removeAbandoned(in: directory)
        let converter = FolderConverter(folder: try HubFolder(path: record.path), name: record.base ?? record.id)
        try converter.convert(to: path) { done, total throws(FormatError) in
            // The conversion counts as 90 % of the load's progress.
            let isWanted = audience.tell(0.9 * Double(done) / Double(max(1, total)))
            if !isWanted { throw FormatError("no request waits for it any more") }
        }
        // Read the header back now, so that a file that cannot be read fails here and not in the load.
        _ = try GGUFHeader.read(path: path)
        removeEarlier(than: path, of: record)
        logger.notice("model converted", metadata: ["model": "\(record.id)", "to": "\(path)"])
    }

    // MARK: Names

    /// Returns the common prefix of the names of all files that a folder was converted to. A variant uses the name of its base, since both have the
    /// same weights.
    private static func beginning(_ record: ModelRecord) -> String { "\(plainName(record))-\(hash([record.path]))-" }

    private static func hash(_ facts: [String]) -> String { String(FNVHash.of(facts), radix: 16) }

    private static func plainName(_ record: ModelRecord) -> String {
        String((record.base ?? record.id).map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
    }

    /// Removes the files of earlier versions of the folder or of the conversion, which are not used any more. If such a file is still loaded, its
    /// data stays on the disk until it is unloaded.
    private func removeEarlier(than path: String, of record: ModelRecord) {
        let (beginning, plainName) = (Self.beginning(record), Self.plainName(record))
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] where name.hasSuffix(".gguf") {
            // Earlier versions of Shimmy did not put the folder's hash into the name.
            let hash = name.hasPrefix(plainName + "-") ? name.dropFirst(plainName.count + 1).dropLast(".gguf".count) : ""
            let isOld = !hash.isEmpty && hash.allSatisfy(\.isHexDigit)
            let file = "\(directory)/\(name)"
            if file != path, isOld || name.hasPrefix(beginning) { try? OwnedDirectory(directory).remove(file) }
        }
    }
}

/// The loads that wait for one conversion. All of them get its progress; it continues as long as one of them is not cancelled.
private final class Audience: Sendable {
    private let state: Mutex<(loads: [LoadProgress], isOver: Bool)>

    init(_ first: LoadProgress) { state = Mutex((loads: [first], isOver: false)) }

    /// Adds a load. Returns false if all earlier ones were cancelled, in which case the conversion is ending.
    func add(_ load: LoadProgress) -> Bool {
        state.withLock { state in
            if !state.isOver { state.loads.append(load) }
            return !state.isOver
        }
    }

    /// Reports progress to all loads. Returns whether at least one of them is not cancelled.
    func tell(_ fraction: Double) -> Bool {
        let loads = state.withLock { state in
            state.isOver = state.isOver || state.loads.allSatisfy(\.isCancelled)
            return state.isOver ? [] : state.loads
        }
        for load in loads { load.report(fraction) }
        return !loads.isEmpty
    }
}

/// The running conversions, by output path.
private final class RunningConversions: Sendable {
    private struct Running {
        let audience: Audience
        let task: Task<Void, any Error>
    }

    private let running = Mutex<[String: Running]>([:])

    /// Waits until the file exists, joining a running conversion of it or starting one.
    func join(_ path: String, _ load: LoadProgress, convert: @escaping @Sendable (Audience) async throws -> Void) async throws {
        let task = running.withLock { running in
            if let known = running[path], known.audience.add(load) { return known.task }
            let audience = Audience(load)
            let task = Task {
                defer { end(path, audience) }
                try await convert(audience)
            }
            running[path] = Running(audience: audience, task: task)
            return task
        }
        try await task.value
    }

    /// Removes a conversion that ended. A newer one for the same path may be running already, if a caller arrived after this one was abandoned; that
    /// one stays.
    private func end(_ path: String, _ audience: Audience) {
        running.withLock { running in
            if running[path]?.audience === audience { running[path] = nil }
        }
    }
}
