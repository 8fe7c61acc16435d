import ArgumentParser
import Foundation
import ShimmyServer

/// A file of API keys, one per line, each optionally followed by its weight in fair sharing (1 by default): `KEY 2.5`. Empty lines and lines that
/// begin with `#` are ignored.
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
