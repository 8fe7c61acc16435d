import ShimmyJSON

/// Reads and writes values of upstreams' JSON.
enum WireJSON {
    static let limits: JSONLimits = {
        var limits = JSONLimits(depth: UpstreamLimits.jsonDepth, values: UpstreamLimits.jsonValues, digits: 1_000)
        limits.replacesLoneSurrogates = true
        return limits
    }()

    /// Returns the shortest literal that parses to the same float.
    static func number(_ value: Float) -> JSON { .double(Double(value.description) ?? Double(value)) }

    /// Returns a count from an upstream within the range of counts; 0 if it is absent or not a count.
    static func count(_ json: JSON?) -> Int { max(0, min(json?.intValue ?? 0, UpstreamLimits.tokens)) }

    /// Returns a token's log probability; minus infinity for an absent one.
    static func logprob(_ json: JSON?) -> Float { json?.doubleValue.map { Float(max(-1e30, min($0, 0))) } ?? -.infinity }
}
