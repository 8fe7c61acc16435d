import Foundation
import ShimmyCore

extension PrivateFile {
    /// Writes a file, creating its directory if needed. The replacement is atomic: if it fails, the old file remains.
    static func write(_ bytes: [UInt8], to path: String) throws(PrivateFileError) {
        let directory = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw PrivateFileError(description: "\(directory) cannot be created")
        }
        do {
            try AtomicFile.replace(path, with: bytes, permissions: 0o600)
        } catch {
            throw PrivateFileError(description: "\(path) cannot be written: \(error.description)")
        }
    }
}
