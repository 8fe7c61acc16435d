package import ShimmyEngine
import Synchronization

/// The clients that the server accepts. The rules can change while the server runs; a change applies to later requests.
package final class ServerAccess: Sendable {
    package struct Rules: Sendable, Equatable {
        /// The accepted keys. If empty, the server requires no key.
        package var apiKeys: [APIKey]
        /// Browser origins that may read answers, in addition to loopback origins.
        package var allowedOrigins: Set<String>
        /// Accepted names in a Host header, in lower case, in addition to loopback names, IP addresses and the host that the server listens
        /// on.
        package var allowedHosts: Set<String>

        package init(apiKeys: [APIKey] = [], allowedOrigins: Set<String> = [], allowedHosts: Set<String> = []) {
            self.apiKeys = apiKeys
            self.allowedOrigins = allowedOrigins
            self.allowedHosts = allowedHosts
        }
    }

    /// A key as bytes to compare with, and its owner.
    struct Holder {
        let key: [UInt8]
        let owner: Owner

        /// The owner of the objects that this key stores. It is the same after a restart.
        var storageOwner: String { owner.name }
    }

    private let state: Mutex<(rules: Rules, holders: [Holder])>

    init(_ rules: Rules) { state = Mutex((rules, Self.holders(rules.apiKeys))) }

    package var rules: Rules {
        get { state.withLock { $0.rules } }
        set { state.withLock { $0 = (newValue, Self.holders(newValue.apiKeys)) } }
    }

    var holders: [Holder] { state.withLock { $0.holders } }

    /// Returns the owner for work that an earlier process accepted: the key's owner, with the key's current weight.
    package func owner(ofStorage name: String) -> Owner {
        holders.last(where: { $0.storageOwner == name })?.owner ?? Owner(name)
    }

    /// Returns the holders of `keys`. A hash of the key identifies its owner, so that it is the same after a restart and the key's text is
    /// not used elsewhere.
    private static func holders(_ keys: [APIKey]) -> [Holder] {
        keys.map { Holder(key: Array($0.key.utf8), owner: Owner(StorageOwner.ofKey($0.key), weight: $0.weight)) }
    }
}
