import Foundation
import ShimmyCore
package import ShimmyJSON

/// A store of saved conversations: one file for each in a directory, readable only by the user.
package struct SessionStore: Sendable {
    private let directory: String
    private static let longestName = 64
    private static let largestFile = 64 << 20

    package init(directory: String) { self.directory = directory }

    /// The sorted names of the saved conversations.
    package var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { String($0.dropLast(".json".count)) }.sorted()
    }

    package func save(_ session: JSON, as name: String) throws(PrivateFileError) {
        try PrivateFile.write(Array((session.pretty() + "\n").utf8), to: try path(name))
    }

    package func load(_ name: String) throws(PrivateFileError) -> JSON {
        let path = try path(name)
        guard FileManager.default.fileExists(atPath: path) else {
            let known = names.isEmpty ? "no sessions are saved" : "saved sessions: \(names.joined(separator: ", "))"
            throw PrivateFileError(description: "there is no session named '\(name)'; \(known)")
        }
        guard let bytes = RegularFile.read(path, limit: Self.largestFile) else {
            throw PrivateFileError(description: "the session \(name) cannot be read, or has more than \(Self.largestFile) bytes")
        }
        guard let json = try? JSON.parse(bytes) else { throw PrivateFileError(description: "the session \(name) is damaged") }
        return json
    }

    /// Returns the file of a conversation. Throws if the name is not a plain file name, so a name cannot lead out of the directory.
    private func path(_ name: String) throws(PrivateFileError) -> String {
        let isName = name.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) } && name.first != "."
        guard !name.isEmpty, name.utf8.count <= Self.longestName, isName else {
            throw PrivateFileError(description: "'\(name)' is not a session name; use up to \(Self.longestName) letters, digits, '-', '_' and '.'")
        }
        return "\(directory)/\(name).json"
    }
}
