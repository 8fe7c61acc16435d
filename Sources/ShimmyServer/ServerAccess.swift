package import ShimmyAccounts
package import ShimmyEngine
import Synchronization

/// The clients that the server accepts. The rules and the keys can change while the server runs; a change applies to later requests.
package final class ServerAccess: Sendable {
    /// A key of the configuration file.
    package struct ConfiguredKey: Sendable, Equatable {
        package let hash: KeyHash
        package let key: AccessKey

        package init(hash: KeyHash, key: AccessKey) {
            self.hash = hash
            self.key = key
        }
    }

    package struct Rules: Sendable, Equatable {
        /// Keys without names, whose holders may do everything.
        package var apiKeys: [APIKey]
        /// The keys of the configuration file that have names.
        package var keys: [ConfiguredKey]
        /// Whether keys with the role `user` may download models.
        package var usersMayPull: Bool
        /// Whether requests may name their end user in Open WebUI's headers.
        package var trustsUserHeaders: Bool
        /// Browser origins that may read answers, in addition to loopback origins.
        package var allowedOrigins: Set<String>
        /// Accepted names in a Host header, in lower case, in addition to loopback names, IP addresses and the host that the server listens
        /// on.
        package var allowedHosts: Set<String>

        package init(
            apiKeys: [APIKey] = [], keys: [ConfiguredKey] = [], usersMayPull: Bool = false, trustsUserHeaders: Bool = false,
            allowedOrigins: Set<String> = [], allowedHosts: Set<String> = []
        ) {
            self.apiKeys = apiKeys
            self.keys = keys
            self.usersMayPull = usersMayPull
            self.trustsUserHeaders = trustsUserHeaders
            self.allowedOrigins = allowedOrigins
            self.allowedHosts = allowedHosts
        }

        package var hasKeys: Bool { !apiKeys.isEmpty || !keys.isEmpty }
    }

    /// The holder of a key.
    struct Holder: Sendable, Equatable {
        /// The key's properties; nil for a key without a name.
        let key: AccessKey?
        let owner: Owner

        /// The owner of the objects that this key stores. It is the same after a restart.
        var storageOwner: String { owner.name }
    }

    private struct State {
        var rules: Rules
        var holders: [KeyHash: Holder]
        /// Whether there has been a key since the server started. The server then requires one until its end.
        var requiresKey: Bool

        init(_ rules: Rules, requiresKey: Bool = false) {
            self.rules = rules
            holders = ServerAccess.holders(rules)
            self.requiresKey = requiresKey || rules.hasKeys
        }
    }

    private let state: Mutex<State>
    /// The keys that administrators created; nil if the server has none.
    package let book: KeyBook?

    init(_ rules: Rules, book: KeyBook?) {
        state = Mutex(State(rules))
        self.book = book
    }

    package var rules: Rules {
        get { state.withLock { $0.rules } }
        set { state.withLock { $0 = State(newValue, requiresKey: $0.requiresKey) } }
    }

    /// Returns whether requests need a key.
    package func requiresKey() async -> Bool {
        if state.withLock({ $0.requiresKey }) { return true }
        guard let book else { return false }
        // A book that cannot be read may contain keys.
        guard let entries = try? await book.current() else { return true }
        if entries.areAny { state.withLock { $0.requiresKey = true } }
        return entries.areAny
    }

    /// Returns whether the book has keys that are not revoked, or cannot be read.
    package func hasStoredKeys() async -> Bool {
        guard let book else { return false }
        return (try? await book.current())?.areAny ?? true
    }

    /// The places where keys are looked up, the cheapest first.
    enum Lookup: CaseIterable {
        /// The keys of the rules.
        case rules
        /// The keys of the book, as they were a moment ago.
        case book
        /// The keys of the book now, so that a new key opens the server at once.
        case freshBook
    }

    /// Returns the holders of the keys that are known in one place, even of revoked and expired keys. Throws `KeyBookError` if the book cannot be
    /// read.
    func holders(of hashes: [KeyHash], in lookup: Lookup) async throws -> [KeyHash: Holder] {
        if case .rules = lookup { return known(hashes) }
        guard let book else { return [:] }
        let entries = try await book.current(isFresh: lookup == .freshBook)
        var holders: [KeyHash: Holder] = [:]
        for hash in hashes { holders[hash] = entries[hash].map { Self.holder(ofBook: $0) } }
        return holders
    }

    private func known(_ hashes: [KeyHash]) -> [KeyHash: Holder] {
        state.withLock { state in
            var holders: [KeyHash: Holder] = [:]
            for hash in hashes { holders[hash] = state.holders[hash] }
            return holders
        }
    }

    /// Returns the holder of a key, even if the key is revoked or expired. Throws `KeyBookError` if the book cannot be read.
    func holder(of hash: KeyHash) async throws -> Holder? {
        for lookup in Lookup.allCases {
            if let holder = try await holders(of: [hash], in: lookup)[hash] { return holder }
        }
        return nil
    }

    /// Returns the owner for work that an earlier process accepted: the key's owner, with the key's current weight.
    package func owner(ofStorage name: String) -> Owner {
        holder(ofStorage: name)?.owner ?? Owner(name)
    }

    /// Returns the key of the owner of a stored object; nil if it has none with a name.
    package func key(ofStorage name: String) -> AccessKey? { holder(ofStorage: name)?.key }

    private func holder(ofStorage name: String) -> Holder? {
        if let configured = state.withLock({ $0.holders.values.first { $0.storageOwner == name } }) { return configured }
        return book?.latest.all.first { $0.id == name }.map { Self.holder(ofBook: $0) }
    }

    /// Returns the holders of the keys in the rules. A hash of the key identifies its owner, so that it is the same after a restart, and whether the
    /// key has a name or not.
    private static func holders(_ rules: Rules) -> [KeyHash: Holder] {
        var holders: [KeyHash: Holder] = [:]
        for key in rules.apiKeys {
            let hash = KeyHash(of: key.key)
            holders[hash] = Holder(key: nil, owner: Owner(StorageOwner.ofKey(hash), weight: key.weight))
        }
        for known in rules.keys {
            holders[known.hash] = Holder(key: known.key, owner: Owner(StorageOwner.ofKey(known.hash), weight: known.key.weight))
        }
        return holders
    }

    private static func holder(ofBook key: AccessKey) -> Holder { Holder(key: key, owner: Owner(key.id, weight: key.weight)) }
}
