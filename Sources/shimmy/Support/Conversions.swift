import Foundation
import Logging
import ShimmyConversion
import ShimmyModels

/// The GGUF files that folders of SafeTensors were converted to, in the cache directory.
struct Conversions: Sendable {
    private let directory: String

    init(in directories: Directories) { directory = directories.cache + "/converted" }

    /// Raised when conversion changes what it writes.
    private static let version = "2"

    /// Another file for other weights.
    func path(of record: ModelRecord) -> String {
        // A name of the user's own making stands for the same weights.
        let name = (record.base ?? record.id).map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" }
        let hash = ShortHash.of([Self.version, record.path, "\(record.sizeBytes)", "\(record.modified)"])
        return "\(directory)/\(String(name))-\(hash).gguf"
    }

    /// Blocks for as long as it takes; whoever finds the file there has all of it.
    func convert(_ record: ModelRecord, logger: Logger, progress: (Int, Int) -> Void = { _, _ in }) throws -> String {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = path(of: record)
        try FolderConverter(folder: HubFolder(path: record.path), name: record.base ?? record.id).convert(to: path, progress: progress)
        // What is loaded is what was written: a header that cannot be read back is found here.
        _ = try GGUFHeader.read(path: path)
        logger.notice("converted a model", metadata: ["model": "\(record.id)", "to": "\(path)"])
        return path
    }
}
