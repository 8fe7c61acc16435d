import ArgumentParser
import Foundation
import ShimmyServer

/// A file with one API key a line, and after it, if it is to have more or less than others, its weight: `KEY 2.5`.
/// Empty lines and lines that begin with `#` do not count.
enum APIKeyFile {
    static func read(_ path: String) throws -> [APIKey] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("The key file \(path) cannot be read.")
        }
        let lines = text.split(whereSeparator: \.isNewline).map { $0.split(whereSeparator: \.isWhitespace) }
        let keys = try lines.filter { !$0.isEmpty && !$0[0].hasPrefix("#") }.map { words in
            guard words.count > 1 else { return APIKey(String(words[0])) }
            guard words.count == 2, let weight = Double(words[1]), weight > 0, weight.isFinite else {
                throw ValidationError("The key file \(path) has a line that is neither a key nor a key and its weight.")
            }
            return APIKey(String(words[0]), weight: weight)
        }
        if keys.isEmpty { throw ValidationError("The key file \(path) has no key.") }
        return keys
    }
}
