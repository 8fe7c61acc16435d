import ShimmyCore
package import ShimmyJSON

/// The use of the server's limits by one owner: a key, or a client's address.
package struct OwnerUse: Sendable, Equatable {
    package var connections = 0
    /// Sequences of all models, running and waiting.
    package var sequences = 0
    /// Background responses that wait.
    package var background = 0
    package var storageBytes = 0

    package init() {}

    /// The order of owners: by their work, then by the other numbers.
    fileprivate var rank: (Int, Int, Int) { (sequences.saturated(adding: background), connections, storageBytes) }
}

/// The use of the server's limits by all owners, for `GET /v1/engine`. It contains no key: an owner is an id of a key, or an address.
package struct OwnerTable: Sendable {
    /// The max number of owners in a response.
    package static let most = 100

    private var owners: [String: OwnerUse] = [:]

    package init() {}

    /// Adds numbers to the use of their owners.
    package mutating func add(_ numbers: [String: Int], _ field: WritableKeyPath<OwnerUse, Int>) {
        for (owner, number) in numbers where number > 0 {
            var use = owners[owner] ?? OwnerUse()
            use[keyPath: field] = use[keyPath: field].saturated(adding: number)
            owners[owner] = use
        }
    }

    /// The owners with the most work, then with the most connections, then with the most bytes in the storage.
    package var busiest: [(owner: String, use: OwnerUse)] {
        let sorted = owners.sorted { left, right in
            let (first, second) = (left.value.rank, right.value.rank)
            return first == second ? left.key < right.key : first > second
        }
        return sorted.prefix(Self.most).map { (owner: $0.key, use: $0.value) }
    }

    /// - name: returns the name of the key of an owner; nil if it has none.
    package func json(name: (String) -> String?) -> JSON {
        .array(
            busiest.map { owner, use in
                [
                    "id": .string(owner), "name": name(owner).map(JSON.string) ?? .null, "connections": .int(use.connections),
                    "sequences": .int(use.sequences), "background": .int(use.background), "storage_bytes": .int(use.storageBytes),
                ]
            })
    }
}
