import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyCore
import ShimmyServer

/// The keys of the configuration file.
enum ConfiguredKeys {
    private static let largestFile = 4096

    /// Returns the keys of the current file. Throws `ValidationError` if the text of a key is not where its table says, or if two tables have the
    /// same key.
    static func read(_ tables: [KeyTable] = ProcessConfiguration.shared.file?.keys ?? []) throws -> [ServerAccess.ConfiguredKey] {
        var keys: [ServerAccess.ConfiguredKey] = []
        for table in tables {
            let (hash, hint) = try secret(of: table)
            if let other = keys.first(where: { $0.hash == hash }) {
                throw ValidationError("key.\"\(table.name)\" and key.\"\(other.key.name)\" in shimmy.toml are the same key.")
            }
            keys.append(ServerAccess.ConfiguredKey(hash: hash, key: key(table, hash, hint)))
        }
        return keys
    }

    /// Returns the names that keys of the configuration file share with keys of the data directory that are not revoked.
    static func sharedNames(_ tables: [KeyTable] = ProcessConfiguration.shared.file?.keys ?? [], with book: KeyBook) async -> [String] {
        if tables.isEmpty { return [] }
        // The server and the commands report a book that cannot be read.
        guard let stored = try? await book.current().all.filter({ $0.revoked == nil }) else { return [] }
        let names = Set(stored.map(\.name))
        return tables.map(\.name).filter(names.contains).sorted()
    }

    private static func secret(of table: KeyTable) throws -> (KeyHash, hint: String?) {
        switch table.source {
        case .hash(let text):
            guard let hash = KeyHash(hexadecimal: text) else { break }
            return (hash, nil)
        case .text(let text): return (KeyHash(of: text), KeyText.hint(of: text))
        case .variable(let name):
            guard let text = trimmed(ProcessConfiguration.environment[name]) else {
                throw ValidationError("key.\"\(table.name)\" in shimmy.toml: the environment variable \(name) is not set to a key.")
            }
            return (KeyHash(of: text), KeyText.hint(of: text))
        case .file(let path):
            guard let text = trimmed(RegularFile.text(path, limit: largestFile)) else {
                throw ValidationError("key.\"\(table.name)\" in shimmy.toml: the file \(path) does not contain one key.")
            }
            return (KeyHash(of: text), KeyText.hint(of: text))
        case nil: break
        }
        throw ValidationError("key.\"\(table.name)\" in shimmy.toml has no key.")
    }

    /// Returns a text without spaces and line breaks around it; nil if it is not one word.
    private static func trimmed(_ text: String?) -> String? {
        let words = text?.split(whereSeparator: \.isWhitespace) ?? []
        return words.count == 1 ? String(words[0]) : nil
    }

    private static func key(_ table: KeyTable, _ hash: KeyHash, _ hint: String?) -> AccessKey {
        var key = AccessKey(
            id: KeyText.id(of: hash), name: table.name, role: table.isAdmin ? .admin : .user, models: table.models,
            limits: AccessKey.Limits(
                requestsPerMinute: table.requestsPerMinute, tokensPerMinute: table.tokensPerMinute, tokensPerDay: table.tokensPerDay,
                concurrency: table.concurrency, maxOutputTokens: table.maxOutputTokens),
            // The file does not say when the key was created.
            weight: table.weight, created: Date(timeIntervalSince1970: 0),
            expires: table.expires.map { Date(timeIntervalSince1970: Double($0)) })
        key.hint = hint
        return key
    }
}
