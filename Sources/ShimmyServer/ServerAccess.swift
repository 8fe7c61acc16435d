package import ShimmyEngine
import Synchronization

/// Whom the server answers. May change while it runs: requests that come from then on are held to it.
package final class ServerAccess: Sendable {
    package struct Rules: Sendable, Equatable {
        /// Empty: no key is asked for.
        package var apiKeys: [APIKey]
        /// Browser origins that may read answers, beside loopback ones.
        package var allowedOrigins: Set<String>
        /// Names in a Host header that are ours, beside loopback names, addresses and the host that it listens on; in small letters.
        package var allowedHosts: Set<String>

        package init(apiKeys: [APIKey] = [], allowedOrigins: Set<String> = [], allowedHosts: Set<String> = []) {
            self.apiKeys = apiKeys
            self.allowedOrigins = allowedOrigins
            self.allowedHosts = allowedHosts
        }
    }

    /// A key as it is compared with, and whose it is.
    struct Holder {
        let key: [UInt8]
        let owner: Owner

        /// Whose what is stored is: the same one, also after a restart.
        var storageOwner: String { owner.name }
    }

    private let state: Mutex<(rules: Rules, holders: [Holder])>

    init(_ rules: Rules) { state = Mutex((rules, Self.holders(rules.apiKeys))) }

    package var rules: Rules {
        get { state.withLock { $0.rules } }
        set { state.withLock { $0 = (newValue, Self.holders(newValue.apiKeys)) } }
    }

    var holders: [Holder] { state.withLock { $0.holders } }

    /// For whom something is done that was asked for before this process: the key's holder, with the weight that the key has now.
    package func owner(ofStorage name: String) -> Owner {
        holders.last(where: { $0.storageOwner == name })?.owner ?? Owner(name)
    }

    /// Owners are told apart by a hash, the same one after a restart: a key's own text goes no further than this.
    private static func holders(_ keys: [APIKey]) -> [Holder] {
        keys.map { Holder(key: Array($0.key.utf8), owner: Owner(StorageOwner.ofKey($0.key), weight: $0.weight)) }
    }
}
