import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that only this user can enter, with the socket of a child process.
struct SocketFolder: Sendable {
    /// The max bytes of the directory above. A socket's path has at most 103 bytes on all systems.
    private static let longestParent = 80

    let path: String
    var socket: String { path + "/socket" }

    /// Creates the directory in the user's runtime directory, or in that for temporary files. Throws `EngineProcess.Failure`.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let parents = [environment["XDG_RUNTIME_DIR"], environment["TMPDIR"], "/tmp"].compactMap { $0 }
        for parent in parents where parent.hasPrefix("/") && parent.utf8.count <= Self.longestParent {
            var template = Array("\(parent)/shimmy-XXXXXX".utf8CString)
            // `mkdtemp` gives the directory the mode 0700.
            guard mkdtemp(&template) != nil else { continue }
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return
        }
        throw EngineProcess.Failure(description: "no directory for its socket can be created in \(parents.joined(separator: ", "))")
    }

    func remove() {
        unlink(socket)
        rmdir(path)
    }
}
