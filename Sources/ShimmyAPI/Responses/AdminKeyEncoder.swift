package import ShimmyJSON

/// The JSON of a key, in the form of OpenAI's `organization.admin_api_key`. The member `shimmy` contains the properties that OpenAI's form lacks.
package struct AdminKeyEncoder: Sendable {
    package let id: String
    package let name: String
    /// The last characters of the key's text; nil if they are not known.
    package var hint: String?
    package var isAdmin = false
    package var models: [String] = []
    /// The limits by the names of the request's fields, in their order; nil for an unlimited value.
    package var limits: [(name: String, value: Int?)] = []
    package var weight = 1.0
    package let created: Int
    package var expires: Int?
    package var revoked: Int?
    /// Whether the key is in the configuration file, so that the API cannot change it.
    package var isConfigured = false

    package init(id: String, name: String, created: Int) {
        self.id = id
        self.name = name
        self.created = created
    }

    package var json: JSON { .object(object) }

    /// Returns the key with its text, for the answer that creates it.
    package func json(text: String) -> JSON {
        var object = object
        object["value"] = .string(text)
        return .object(object)
    }

    package static func deleted(_ id: String) -> JSON {
        ["object": "organization.admin_api_key.deleted", "id": .string(id), "deleted": true]
    }

    private var object: JSONObject {
        let owner: JSON = [
            "type": "user", "object": "organization.user", "id": .string(id), "name": .string(name), "created_at": .int(created),
            "role": .string(isAdmin ? "owner" : "member"),
        ]
        return [
            "object": "organization.admin_api_key", "id": .string(id), "name": .string(name), "redacted_value": .string("sk-...\(hint ?? "")"),
            "created_at": .int(created), "last_used_at": .null, "owner": owner, "shimmy": own,
        ]
    }

    private var own: JSON {
        var limits = JSONObject()
        for (name, value) in self.limits { limits[name] = value.map(JSON.int) ?? .null }
        return [
            "role": .string(isAdmin ? "admin" : "user"), "models": .array(models.map(JSON.string)), "limits": .object(limits),
            "weight": .double(weight), "expires_at": expires.map(JSON.int) ?? .null, "revoked_at": revoked.map(JSON.int) ?? .null,
            "source": .string(isConfigured ? "configuration" : "book"),
        ]
    }
}
