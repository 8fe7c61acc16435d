import ShimmyCore
import ShimmyJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The file of the lines typed in earlier conversations: a JSON string per line, oldest first.
package struct HistoryFile: Sendable {
    private let path: String
    private static let largestFile = 32 << 20

    package init(path: String) { self.path = path }

    /// The entries. Lines that cannot be read are skipped.
    package var entries: [String] {
        let bytes = RegularFile.read(path, limit: Self.largestFile) ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { (try? JSON.parse(Array($0)))?.stringValue }
    }

    /// Appends an entry.
    /// - merge: appends an entry to the entries that are in the file now, since another terminal may have written some.
    package func append(_ entry: String, merge: ([String], String) -> [String]) throws(PrivateFileError) {
        // A file that cannot be read must not be replaced by this entry alone.
        guard access(path, F_OK) != 0 || RegularFile.read(path, limit: Self.largestFile) != nil else {
            throw PrivateFileError(description: "\(path) cannot be read, or has more than \(Self.largestFile) bytes")
        }
        let lines = merge(entries, entry).map { JSON.string($0).text }
        try PrivateFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: path)
    }
}
