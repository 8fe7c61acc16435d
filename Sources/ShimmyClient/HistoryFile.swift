import Foundation
import ShimmyJSON

/// What was typed in earlier conversations: a JSON string in each line, oldest first.
package struct HistoryFile: Sendable {
    private let path: String
    private static let largestFile = 32 << 20

    package init(path: String) { self.path = path }

    /// Lines that cannot be read are passed over.
    package var entries: [String] {
        guard let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int, size <= Self.largestFile,
            let data = FileManager.default.contents(atPath: path)
        else { return [] }
        return data.split(separator: UInt8(ascii: "\n")).compactMap { (try? JSON.parse(Array($0)))?.stringValue }
    }

    /// - merge: puts an entry behind those that are there now: another terminal may have written since.
    package func append(_ entry: String, merge: ([String], String) -> [String]) throws(PrivateFileError) {
        let lines = merge(entries, entry).map { JSON.string($0).text }
        try PrivateFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: path)
    }
}
