/// A comparison of the schemas of fields with the tables of fields, for a test.
package enum SchemaCoverage {
    private static var endpoints: [EndpointRow] { API.allCases.flatMap(\.endpoints) + OwnRows.endpoints }

    /// The schemas and the required fields that belong to no row.
    package static var unused: [String] {
        // A field's members have rows, and the field itself may have a schema.
        func names(_ rows: KeyPath<EndpointRow, [FieldRow]>) -> Set<String> {
            Set(
                endpoints.flatMap { endpoint in
                    endpoint[keyPath: rows].flatMap { row -> [String] in
                        let field = row.field.hasPrefix("(chunk) ") ? String(row.field.dropFirst("(chunk) ".count)) : row.field
                        let parents = field.indices.filter { field[$0] == "." }.map { String(field[..<$0]) }
                        return (parents + [field]).flatMap { [$0, "\(endpoint.path) \($0)"] }
                    }
                })
        }
        let (requests, responses) = (names(\.request), names(\.response))
        let required = RequestSchemas.required.flatMap { endpoint, fields -> [String] in
            let row = endpoints.first { "\($0.method) \($0.path)" == endpoint }
            let known = Set(row?.request.map(\.field) ?? [])
            return fields.subtracting(known).map { "\(endpoint) \($0)" }
        }
        return RequestSchemas.all.keys.filter { !requests.contains($0) } + ResponseSchemas.all.keys.filter { !responses.contains($0) } + required
    }

    /// The supported fields of requests that have neither a schema nor members.
    package static var missing: [String] {
        endpoints.flatMap { endpoint -> [String] in
            let fields = endpoint.request.map(\.field)
            return endpoint.request.filter { row in
                switch row.support {
                case .supported, .partial: break
                case .refused, .ignored, .notSupported: return false
                }
                let hasMembers = fields.contains { $0.hasPrefix(row.field + ".") || $0.hasPrefix(row.field + "[") }
                return !hasMembers && RequestSchemas.schema(of: row.field, in: endpoint.path) == nil
            }.map { "\(endpoint.method) \(endpoint.path) \($0.field)" }
        }
    }
}
