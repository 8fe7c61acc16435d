import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/organization/admin_api_keys/{key_id}`, an API of Shimmy: the properties that a key gets. A property without a
/// field stays as it is.
///
/// Unlike in other requests, an unknown field is an error: a misspelled limit would not apply.
package struct AdminKeyUpdate: Sendable {
    /// A change of a property that can be absent.
    package enum Change: Sendable, Equatable {
        case keep
        case remove
        case set(Int)

        /// Returns the property after the change.
        package func applied(to value: Int?) -> Int? {
            switch self {
            case .keep: value
            case .remove: nil
            case .set(let new): new
            }
        }
    }

    package var name: String?
    package var role: AdminKeyRequest.Role?
    /// Names and patterns of models; empty for all models. Nil if the request does not change them.
    package var models: [String]?
    package var requestsPerMinute: Change
    package var tokensPerMinute: Change
    package var tokensPerDay: Change
    package var concurrency: Change
    package var maxOutputTokens: Change
    package var weight: Double?
    /// The time from which the key is no longer valid, in seconds since 1970.
    package var expires: Change

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        if let name = try OwnRows.updateKey.check(fields.object).names.first {
            throw AdminKeyRequest.unknown(fields.path(to: name), isNew: false)
        }
        name = try fields.string("name")
        if let name { try AdminKeyRequest.check(name: name) }
        role = fields.value("role") == nil ? nil : try fields.choice("role", as: AdminKeyRequest.Role.self)
        models = fields.object["models"] == nil ? nil : try AdminKeyRequest.models(fields)
        let nested = try AdminKeyRequest.nested(fields, isNew: false)
        func limit(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Change {
            let change = try Self.change(name, range, fields)
            guard case .keep = change, let nested else { return change }
            return try Self.change(name, range, nested)
        }
        requestsPerMinute = try limit("requests_per_minute", KeyRanges.count)
        tokensPerMinute = try limit("tokens_per_minute", KeyRanges.count)
        tokensPerDay = try limit("tokens_per_day", KeyRanges.count)
        concurrency = try limit("concurrency", KeyRanges.concurrency)
        maxOutputTokens = try limit("max_output_tokens", KeyRanges.outputTokens)
        weight = try fields.decimal("weight", in: KeyRanges.weight)
        expires = try Self.change("expires_at", 1...AdminKeyRequest.lastSecond, fields)
        if case .set(let seconds) = expires { try AdminKeyRequest.check(expires: seconds) }
    }

    /// Returns the change of a field: an explicit null removes the property.
    private static func change(_ name: String, _ range: ClosedRange<Int>, _ fields: FieldReader) throws(APIError) -> Change {
        guard let value = fields.object[name] else { return .keep }
        if value.isNull { return .remove }
        return try AdminKeyRequest.number(name, range, fields).map(Change.set) ?? .keep
    }
}
