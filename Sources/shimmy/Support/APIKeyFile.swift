import ArgumentParser
import Foundation

/// A file with one API key a line; empty lines and lines that begin with `#` do not count.
enum APIKeyFile {
    static func read(_ path: String) throws -> [String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("The key file \(path) cannot be read.")
        }
        let keys = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        if keys.isEmpty { throw ValidationError("The key file \(path) has no key.") }
        return keys
    }
}
