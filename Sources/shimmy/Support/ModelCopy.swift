import Foundation
import ShimmyModels

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A copy of a model in a folder of its own in Shimmy's model directory. Where the file system allows it, the files are hard links, which take no
/// space and remain when the original is removed.
struct ModelCopy {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether the files cannot be written, for example because the disk is full.
        var isOfDisk = false
    }

    private let name: String
    private let folder: String
    private let temporary: String
    /// Whether the copy of a symbolic link is a symbolic link, which takes no space on any disk.
    var keepsLinks = false
    /// The source path of each file, and its path within the folder.
    private let files: [(from: String, to: String)]

    /// Plans a copy. Throws `Failure` if `name` is not a valid file name or its folder exists.
    /// - models: Shimmy's model directory.
    init(of record: ModelRecord, as name: String, models: String) throws(Failure) {
        let files: [(from: String, to: String)]
        if record.isFolder {
            let below = FileManager.default.enumerator(atPath: record.path)?.compactMap { $0 as? String } ?? []
            files = below.filter { !$0.hasPrefix(".") && !$0.contains("/.") }.map { ("\(record.path)/\($0)", $0) }.filter { Self.isFile($0.0) }
        } else {
            let count = record.shards.count
            let parts = record.shards.enumerated().map { ($1, "\(name)\(count > 1 ? Self.part($0 + 1, of: count) : "").gguf") }
            files = parts + (record.projector.map { [($0, "mmproj-\(name).gguf")] } ?? [])
        }
        try self.init(files, as: name, models: models)
    }

    /// Plans a copy of one GGUF file, which need not have the name of one.
    init(ofFile file: String, as name: String, models: String) throws(Failure) {
        try self.init([(file, "\(name).gguf")], as: name, models: models)
    }

    private init(_ files: [(from: String, to: String)], as name: String, models: String) throws(Failure) {
        guard Self.isName(name) else {
            throw Failure(description: "'\(name)' is not a valid file name; use letters, digits, '-', '_' and '.', with a letter or digit first")
        }
        self.name = name
        self.files = files
        folder = "\(models)/\(name)"
        temporary = "\(models)/.\(name).\(UInt32.random(in: 0 ... .max)).partial"
        if FileManager.default.fileExists(atPath: folder) { throw Failure(description: "\(folder) already exists") }
    }

    /// Makes the copy and returns its folder. A failed copy leaves no files behind.
    func run() throws(Failure) -> String {
        do {
            for file in files { try place(file.from, "\(temporary)/\(file.to)") }
            guard rename(temporary, folder) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        } catch {
            try? FileManager.default.removeItem(atPath: temporary)
            throw Failure(description: "\(folder) cannot be written: \(Self.reason(error))", isOfDisk: true)
        }
        return folder
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? POSIXError { return String(cString: strerror(error.code.rawValue)) }
        return (error as? CocoaError)?.code == .fileWriteOutOfSpace ? String(cString: strerror(ENOSPC)) : "\(error)"
    }

    private func place(_ source: String, _ target: String) throws {
        try FileManager.default.createDirectory(
            atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        // Caches of other programs consist of symbolic links; copy the files that they point to.
        let real = URL(fileURLWithPath: source).resolvingSymlinksInPath().path
        if keepsLinks, real != source, (try? FileManager.default.destinationOfSymbolicLink(atPath: source)) != nil {
            return try FileManager.default.createSymbolicLink(atPath: target, withDestinationPath: real)
        }
        if link(real, target) != 0 { try FileManager.default.copyItem(atPath: real, toPath: target) }
    }

    private static func part(_ number: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
        return "-\(padded(number))-of-\(padded(count))"
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder = ObjCBool(false)
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    private static func isName(_ name: String) -> Bool {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard isPlain, let first = name.first, first.isLetter || first.isNumber, name.count <= 100 else { return false }
        // A name that ends like a shard of a split model would be read as one.
        return name.firstMatch(of: #/-\d{5}-of-\d{5}$/#) == nil
    }
}
