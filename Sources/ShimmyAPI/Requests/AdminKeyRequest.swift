import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/organization/admin_api_keys`: the properties of a new key. OpenAI's API has only the name.
///
/// Unlike in other requests, an unknown field is an error: a misspelled limit would create a key without it.
package struct AdminKeyRequest: Sendable {
    package enum Role: String, Sendable, CaseIterable { case user, admin }

    package var name: String
    package var role: Role
    /// Names and patterns of models; empty for all models, if the request has none.
    package var models: [String]
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var tokensPerDay: Int?
    package var concurrency: Int?
    package var maxOutputTokens: Int?
    package var weight: Double
    /// The time from which the key is no longer valid, in seconds since 1970; nil for a key that does not expire.
    package var expires: Int?

    static let limits = ["requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrency", "max_output_tokens"]

    /// The last second of the year 9999.
    static let lastSecond = 253_402_300_799

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        if let name = try OwnRows.createKey.check(fields.object).names.first { throw Self.unknown(fields.path(to: name), isNew: true) }
        name = try fields.requiredString("name")
        try Self.check(name: name)
        if fields.value("role") == nil {
            role = .user
        } else {
            role = try fields.choice("role", as: Role.self)
        }
        models = try Self.models(fields)
        let nested = try Self.nested(fields, isNew: true)
        func limit(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
            if let number = try Self.number(name, range, fields) { return number }
            guard let nested else { return nil }
            return try Self.number(name, range, nested)
        }
        requestsPerMinute = try limit("requests_per_minute", KeyRanges.count)
        tokensPerMinute = try limit("tokens_per_minute", KeyRanges.count)
        tokensPerDay = try limit("tokens_per_day", KeyRanges.count)
        concurrency = try limit("concurrency", KeyRanges.concurrency)
        maxOutputTokens = try limit("max_output_tokens", KeyRanges.outputTokens)
        weight = try fields.decimal("weight", in: KeyRanges.weight) ?? 1
        expires = try Self.number("expires_at", 1...Self.lastSecond, fields)
        try Self.check(expires: expires)
    }

    static func check(name: String) throws(APIError) {
        if KeyRanges.isName(name) { return }
        throw APIError(
            status: 400, message: "Invalid 'name': the name of a key must have \(KeyRanges.nameExpectation).", param: "name",
            code: "invalid_value")
    }

    static func check(expires: Int?) throws(APIError) {
        guard let expires, expires <= UnixTime.now else { return }
        throw APIError(
            status: 400, message: "Invalid 'expires_at': \(expires) is in the past; the key would never be valid.", param: "expires_at",
            code: "invalid_value")
    }

    /// Returns the fields of `limits`, which has the form of the response; nil if it is absent.
    /// - isNew: whether the request creates a key, for the message.
    static func nested(_ fields: FieldReader, isNew: Bool) throws(APIError) -> FieldReader? {
        guard let nested = try fields.nested("limits") else { return nil }
        if let name = nested.object.keys.first(where: { !limits.contains($0) }) { throw unknown(nested.path(to: name), isNew: isNew) }
        if let name = limits.first(where: { nested.value($0) != nil && fields.value($0) != nil }) {
            throw APIError(
                status: 400, message: "Invalid '\(nested.path(to: name))': the request also has '\(name)'. Set the limit once.",
                param: "\(nested.path(to: name))", code: "invalid_value")
        }
        return nested
    }

    static func unknown(_ path: JSONPath, isNew: Bool) -> APIError {
        let name = String("\(path)".prefix(80))
        return APIError(
            status: 400,
            message: "Unknown parameter: '\(name)'. \(isNew ? "No key was created" : "The key was not changed"), because a limit could be meant.",
            param: name, code: "unknown_parameter")
    }

    static func models(_ fields: FieldReader) throws(APIError) -> [String] {
        guard let value = fields.value("models") else { return [] }
        let path = fields.path(to: "models")
        let models = try FieldReader.strings(in: value, at: path, most: KeyRanges.mostModels)
        if models.isEmpty {
            throw APIError(
                status: 400, message: "Invalid 'models': the list is empty. Set it to null to allow all models.", param: "models",
                code: "invalid_value")
        }
        if let index = models.firstIndex(where: { !KeyRanges.isModel($0) }) {
            throw APIError(
                status: 400, message: "Invalid '\(path.index(index))': it must be a model name or a pattern of 1 to 256 visible characters.",
                param: "\(path.index(index))", code: "invalid_value")
        }
        return models
    }

    static func number(_ name: String, _ range: ClosedRange<Int>, _ fields: FieldReader) throws(APIError) -> Int? {
        try fields.integer(name, in: Int64(range.lowerBound)...Int64(range.upperBound)).map { Int($0) }
    }
}
