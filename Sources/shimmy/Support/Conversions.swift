import Foundation
import Logging
import ShimmyConversion
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import Synchronization

/// The GGUF files that folders of SafeTensors were converted to, in the cache directory.
struct Conversions: Sendable {
    let directory: String
    private let running = RunningConversions()

    init(in directories: Directories) { directory = directories.cache + "/converted" }

    /// Raised when conversion changes what it writes.
    private static let version = "2"

    /// Another file when anything of the folder is another that is read for it.
    func path(of record: ModelRecord) -> String {
        let files = record.shards + FolderConverter.describingFiles.map { "\(record.path)/\($0)" }
        let stamps = files.map { "\(($0 as NSString).lastPathComponent) \(FileStamp(path: $0)?.text ?? "-")" }
        return "\(directory)/\(Self.beginning(record))\(ShortHash.of([Self.version] + stamps)).gguf"
    }

    /// The file of a folder, converted when it is asked for for the first time, or has changed since. Those who want the same file at the same
    /// time wait for one conversion: a model and one that is made on top of it are one folder.
    func converted(_ record: ModelRecord, logger: Logger, _ progress: LoadProgress) async throws -> String {
        let path = path(of: record)
        if FileManager.default.fileExists(atPath: path) { return path }
        try await running.join(path, progress) { audience in
            try await onOwnThread(named: "convert") { try convert(record, to: path, logger, audience) }
        }
        return path
    }

    /// Blocks for as long as it takes; whoever finds the file there has all of it.
    private func convert(_ record: ModelRecord, to path: String, _ logger: Logger, _ audience: Audience) throws {
        // Another one may just have ended.
        if FileManager.default.fileExists(atPath: path) { return }
        logger.notice("converting a model", metadata: ["model": "\(record.id)", "bytes": "\(record.sizeBytes)", "to": "\(path)"])
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        UnfinishedFiles.removeAbandoned(in: directory)
        let converter = FolderConverter(folder: try HubFolder(path: record.path), name: record.base ?? record.id)
        try converter.convert(to: path) { done, total throws(ConversionError) in
            // Most of the time until the model is there.
            let isWanted = audience.tell(0.9 * Double(done) / Double(max(1, total)))
            if !isWanted { throw ConversionError("nobody waits for it any more") }
        }
        // What is loaded is what was written: a header that cannot be read back is found here.
        _ = try GGUFHeader.read(path: path)
        removeEarlier(than: path, of: record)
        logger.notice("converted a model", metadata: ["model": "\(record.id)", "to": "\(path)"])
    }

    // MARK: Names

    /// What the names of all files begin with that the folder was converted to. A name of the user's own making stands for the same weights.
    private static func beginning(_ record: ModelRecord) -> String { "\(plainName(record))-\(ShortHash.of([record.path]))-" }

    private static func plainName(_ record: ModelRecord) -> String {
        String((record.base ?? record.id).map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
    }

    /// Nobody asks any more for what the folder was converted to before it changed, or before conversion did. Where such a file is still loaded
    /// it stays until it is not.
    private func removeEarlier(than path: String, of record: ModelRecord) {
        let (beginning, plainName) = (Self.beginning(record), Self.plainName(record))
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] where name.hasSuffix(".gguf") {
            // Once the folder was no part of the name.
            let hash = name.hasPrefix(plainName + "-") ? name.dropFirst(plainName.count + 1).dropLast(".gguf".count) : ""
            let isOld = !hash.isEmpty && hash.allSatisfy(\.isHexDigit)
            let file = "\(directory)/\(name)"
            if file != path, isOld || name.hasPrefix(beginning) { try? OwnedDirectory(directory).remove(file) }
        }
    }
}

/// Those who wait for a conversion: all hear how far it is, and it goes on for as long as one of them wants it.
private final class Audience: Sendable {
    private let state: Mutex<(loads: [LoadProgress], isOver: Bool)>

    init(_ first: LoadProgress) { state = Mutex((loads: [first], isOver: false)) }

    /// Returns false where everybody was gone already, so that the conversion ends.
    func add(_ load: LoadProgress) -> Bool {
        state.withLock { state in
            if !state.isOver { state.loads.append(load) }
            return !state.isOver
        }
    }

    /// Returns whether somebody still wants it.
    func tell(_ fraction: Double) -> Bool {
        let loads = state.withLock { state in
            state.isOver = state.isOver || state.loads.allSatisfy(\.isCancelled)
            return state.isOver ? [] : state.loads
        }
        for load in loads { load.report(fraction) }
        return !loads.isEmpty
    }
}

/// Conversions that run, by the files that they make.
private final class RunningConversions: Sendable {
    private struct Running {
        let audience: Audience
        let task: Task<Void, any Error>
    }

    private let running = Mutex<[String: Running]>([:])

    /// Returns when the file is there.
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

    /// Another one may run by now, for those who came when nobody wanted this one.
    private func end(_ path: String, _ audience: Audience) {
        running.withLock { running in
            if running[path]?.audience === audience { running[path] = nil }
        }
    }
}
