import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/organization/admin_api_keys`: the properties of a new key. OpenAI's API has only the name.
package struct AdminKeyRequest: Sendable {
    package enum Role: String, Sendable, CaseIterable { case user, admin }

    package var name: String
    package var role: Role
    /// Names and patterns of models; empty for all models.
    package var models: [String]
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var tokensPerDay: Int?
    package var concurrency: Int?
    package var maxOutputTokens: Int?
    package var weight: Double
    /// The time from which the key is no longer valid, in seconds since 1970; nil for a key that does not expire.
    package var expires: Int?
    /// Fields without effect.
    package let ignoredParameters: ReportedNames

    /// The last second of the year 9999.
    private static let lastSecond = 253_402_300_799

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        ignoredParameters = try OwnRows.createKey.check(fields.object)
        name = try fields.requiredString("name")
        if !KeyRanges.isName(name) {
            throw APIError(
                status: 400, message: "Invalid 'name': the name of a key must have \(KeyRanges.nameExpectation).", param: "name",
                code: "invalid_value")
        }
        if fields.value("role") == nil {
            role = .user
        } else {
            role = try fields.choice("role", as: Role.self)
        }
        models = try Self.models(fields)
        requestsPerMinute = try Self.number("requests_per_minute", KeyRanges.count, fields)
        tokensPerMinute = try Self.number("tokens_per_minute", KeyRanges.count, fields)
        tokensPerDay = try Self.number("tokens_per_day", KeyRanges.count, fields)
        concurrency = try Self.number("concurrency", KeyRanges.concurrency, fields)
        maxOutputTokens = try Self.number("max_output_tokens", KeyRanges.outputTokens, fields)
        weight = try fields.decimal("weight", in: KeyRanges.weight) ?? 1
        expires = try Self.number("expires_at", 1...Self.lastSecond, fields)
    }

    private static func models(_ fields: FieldReader) throws(APIError) -> [String] {
        guard let value = fields.value("models") else { return [] }
        let path = fields.path(to: "models")
        let models = try FieldReader.strings(in: value, at: path, most: KeyRanges.mostModels)
        if let index = models.firstIndex(where: { !KeyRanges.isModel($0) }) {
            throw APIError(
                status: 400, message: "Invalid '\(path.index(index))': it must be a model name or a pattern of 1 to 256 visible characters.",
                param: "\(path.index(index))", code: "invalid_value")
        }
        return models
    }

    private static func number(_ name: String, _ range: ClosedRange<Int>, _ fields: FieldReader) throws(APIError) -> Int? {
        try fields.integer(name, in: Int64(range.lowerBound)...Int64(range.upperBound)).map { Int($0) }
    }
}
