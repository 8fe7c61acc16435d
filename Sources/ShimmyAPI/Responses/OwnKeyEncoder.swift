package import ShimmyJSON

/// The JSON of the key of a request, for its holder: what the key allows, and what remains of its limits. The names are those of `AdminKeyEncoder`.
package struct OwnKeyEncoder: Sendable {
    /// A limit of the key; nil values mean that the key does not have it.
    package struct Limit: Sendable {
        let name: String
        let limit: Int?
        let remaining: Int?
        /// The milliseconds until the whole limit is available, if nothing is used.
        let reset: Int?

        package init(_ name: String, limit: Int?, remaining: Int? = nil, reset: Int? = nil) {
            self.name = name
            self.limit = limit
            self.remaining = remaining
            self.reset = reset
        }
    }

    /// The id under which the use of the key is counted.
    private let id: String
    private let limits: [Limit]
    /// The key's name; nil for a key without a name and for a request without a key.
    package var name: String?
    package var isAdmin = true
    package var models: [String] = []
    package var weight = 1.0
    package var created: Int?
    package var expires: Int?

    package init(id: String, limits: [Limit] = []) {
        self.id = id
        self.limits = limits
    }

    package var json: JSON {
        var (all, remaining, reset) = (JSONObject(), JSONObject(), JSONObject())
        for limit in limits {
            all[limit.name] = limit.limit.map(JSON.int) ?? .null
            if let rest = limit.remaining { remaining[limit.name] = .int(rest) }
            if let milliseconds = limit.reset { reset[limit.name] = .double(Double(milliseconds) / 1000) }
        }
        return [
            "object": "key", "id": .string(id), "name": name.map(JSON.string) ?? .null, "role": .string(isAdmin ? "admin" : "user"),
            "models": .array(models.map(JSON.string)), "weight": .double(weight), "created_at": created.map(JSON.int) ?? .null,
            "expires_at": expires.map(JSON.int) ?? .null, "limits": .object(all), "remaining": .object(remaining), "reset_seconds": .object(reset),
        ]
    }
}
