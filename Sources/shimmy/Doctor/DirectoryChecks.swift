import Foundation
import ShimmyCore
import ShimmyModels
import ShimmyStorage

/// Checks of the program's own directories: access, privacy, free space, and the database in them.
enum DirectoryChecks {
    static var findings: [Finding] {
        let directories = Environment.process.directories
        let places = [
            ("data", directories.data), ("model directory", directories.models), ("cache", directories.cache), ("state", directories.state),
        ]
        return places.map { access($0, $1) } + [storage(directories.storage), space(directories.data)]
    }

    /// Returns the closest folder above a path that exists, or the path itself.
    private static func existing(_ path: String) -> String {
        var path = path
        while !FileManager.default.fileExists(atPath: path), path.count > 1 { path = (path as NSString).deletingLastPathComponent }
        return path.isEmpty ? "." : path
    }

    private static func access(_ name: String, _ path: String) -> Finding {
        let folder = existing(path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            return .problem(name, "\(folder) is a file, but \(path) must be a directory", "Move the file away, or choose another directory.")
        }
        guard FileManager.default.isWritableFile(atPath: folder), FileManager.default.isReadableFile(atPath: folder) else {
            // The closest existing folder can be one of the system's, which must keep its owner.
            let target = ShellText.quoted(path)
            let advice = folder == path ? "Make it yours: sudo chown -R \"$USER\" \(target)" : "Create it: sudo install -d -o \"$USER\" \(target)"
            return .problem(name, "\(folder) cannot be written to", advice)
        }
        return .fine(name, folder == path ? path : "\(path), which does not exist yet")
    }

    private static func storage(_ path: String) -> Finding {
        if let mode = AtomicFile.permissions(of: path), mode & 0o077 != 0 {
            return .warning("storage", "\(path) contains stored conversations, and other users can enter it", "chmod 700 \(path)")
        }
        do {
            guard let report = try StorageInspection(directory: path)?.report() else { return .fine("storage", "nothing is stored") }
            guard report.damagedFiles.isEmpty else {
                return .warning(
                    "storage", "a damaged database was set aside: \(report.damagedFiles.joined(separator: ", "))",
                    "'shimmy restore FILE' restores a backup; 'shimmy storage prune --all --yes' deletes everything.")
            }
            return .fine("storage", "\(Console.size(report.fileBytes)) in \(path)")
        } catch {
            return .problem("storage", "\(error)", "'shimmy restore FILE' restores a backup; else the next start of a server makes a new database.")
        }
    }

    private static func space(_ path: String) -> Finding {
        guard let free = DiskSpace.free(at: existing(path)) else { return .fine("disk", "the free space is unknown") }
        let text = "\(Console.size(free)) free for \(path)"
        if free < 100_000_000 { return .problem("disk", text, "Free some space: the server cannot store anything on a full disk.") }
        return free < 5_000_000_000 ? .warning("disk", text, "Few models fit; free some space before the next pull.") : .fine("disk", text)
    }
}
