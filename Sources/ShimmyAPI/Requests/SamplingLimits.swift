package import ShimmyJSON

/// The ranges of an API's sampling parameters, and what happens to a number outside of them. Requests of other APIs are translated to Shimmy's own
/// requests and keep the ranges of their own API.
package struct SamplingLimits: Sendable, Equatable {
    /// What happens to a number outside of its range.
    enum Excess: Sendable {
        /// The request is a 400.
        case refused
        /// The number becomes the nearest one of the range. An integer may have a fraction, which is dropped.
        case moved
        /// The field counts as absent.
        case omitted
    }

    struct Limit: Sendable, Equatable {
        let range: ClosedRange<Double>
        let excess: Excess

        /// Returns a number within the range; nil if the field counts as absent.
        func applied(to number: Double) -> Double? {
            if excess == .omitted, !range.contains(number) { return nil }
            return number.bounded(by: range)
        }
    }

    private let limits: [SamplingParameter: Limit]

    private init(_ limits: [SamplingParameter: Limit] = [:]) { self.limits = limits }

    subscript(parameter: SamplingParameter) -> Limit { limits[parameter] ?? Limit(range: parameter.range, excess: .refused) }

    /// The limits of OpenAI's parameters, and of Shimmy's own beside them.
    package static let openAI = SamplingLimits()

    /// llama-server moves most numbers into their ranges. Numbers that it does not limit are moved to the nearest one that the sampler computes with.
    package static let llamaServer = SamplingLimits([
        .temperature: Limit(range: 0...1_000_000, excess: .moved), .topP: moved(.topP), .minP: moved(.minP), .typicalP: moved(.typicalP),
        .topK: Limit(range: 0...Double(Int32.max), excess: .moved), .xtcProbability: moved(.xtcProbability), .xtcThreshold: moved(.xtcThreshold),
        .frequencyPenalty: Limit(range: -1000...1000, excess: .moved), .presencePenalty: Limit(range: -1000...1000, excess: .moved),
        .repeatPenalty: moved(.repeatPenalty), .mirostat: moved(.mirostat), .mirostatTau: moved(.mirostatTau), .mirostatEta: moved(.mirostatEta),
        .dryMultiplier: Limit(range: 0...10_000, excess: .moved), .dryBase: Limit(range: 1...1_000_000, excess: .omitted),
        .dryAllowedLength: Limit(range: 0...Double(Int32.max), excess: .refused),
        .dryPenaltyLastN: Limit(range: -1...Double(Int32.max), excess: .refused),
    ])

    /// Ollama's parameters are those of llama-server, as far as it has them.
    package static let ollama = llamaServer

    private static func moved(_ parameter: SamplingParameter) -> Limit { Limit(range: parameter.range, excess: .moved) }

    /// Returns the fields with their numbers moved into the ranges of Shimmy's own requests, for settings that other programs stored.
    package static func moving(_ fields: JSONObject) -> JSONObject {
        var fields = fields
        for parameter in SamplingParameter.allCases {
            guard case .number(let number)? = fields[parameter.rawValue] else { continue }
            let given = number.double
            let bounded = (parameter.isInteger ? given.rounded(.towardZero) : given).bounded(by: parameter.range)
            if bounded != given { fields[parameter.rawValue] = parameter.isInteger ? .int(Int(bounded)) : .double(bounded) }
        }
        return fields
    }
}

/// A sampling parameter with a range, by its field.
package enum SamplingParameter: String, Sendable, CaseIterable {
    case temperature, mirostat
    case topP = "top_p"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case topK = "top_k"
    case minP = "min_p"
    case typicalP = "typical_p"
    case repeatPenalty = "repeat_penalty"
    case repeatLastN = "repeat_last_n"
    case dryMultiplier = "dry_multiplier"
    case dryBase = "dry_base"
    case dryAllowedLength = "dry_allowed_length"
    case dryPenaltyLastN = "dry_penalty_last_n"
    case xtcProbability = "xtc_probability"
    case xtcThreshold = "xtc_threshold"
    case mirostatTau = "mirostat_tau"
    case mirostatEta = "mirostat_eta"

    var isInteger: Bool {
        switch self {
        case .topK, .repeatLastN, .dryAllowedLength, .dryPenaltyLastN, .mirostat: true
        default: false
        }
    }

    /// The range in Shimmy's own requests.
    var range: ClosedRange<Double> {
        switch self {
        case .temperature, .mirostat: 0...2
        case .frequencyPenalty, .presencePenalty: -2...2
        case .topK: -1...Double(Int32.max)
        case .repeatPenalty: 0.01...100
        case .repeatLastN: 0...65536
        case .dryMultiplier, .mirostatTau: 0...100
        case .dryBase: 1...100
        case .dryAllowedLength: 1...65536
        case .dryPenaltyLastN: -1...65536
        case .topP, .minP, .typicalP, .xtcProbability, .xtcThreshold, .mirostatEta: 0...1
        }
    }
}

extension Double {
    fileprivate func bounded(by range: ClosedRange<Double>) -> Double { Swift.min(Swift.max(self, range.lowerBound), range.upperBound) }
}

extension FieldReader {
    private static var everyNumber: ClosedRange<Double> { -.infinity ... .infinity }

    /// Returns a parameter within an API's limits; nil if the field is absent.
    func decimal(_ parameter: SamplingParameter, _ limits: SamplingLimits) throws(APIError) -> Double? {
        let limit = limits[parameter]
        if limit.excess == .refused { return try decimal(parameter.rawValue, in: limit.range) }
        return try decimal(parameter.rawValue, in: Self.everyNumber).flatMap(limit.applied)
    }

    /// Returns an integer parameter within an API's limits; nil if the field is absent.
    func integer(_ parameter: SamplingParameter, _ limits: SamplingLimits) throws(APIError) -> Int? {
        let limit = limits[parameter]
        let range = Int64(limit.range.lowerBound)...Int64(limit.range.upperBound)
        let number = limit.excess == .refused ? try integer(parameter.rawValue, in: range) : try wholePart(parameter.rawValue, in: range)
        return number.map { Int($0) }
    }

    /// Returns the integer part of `seed`; nil if the field is absent. Throws a 400 for a number that is not in the range of 64-bit integers.
    func seed() throws(APIError) -> Int? {
        guard case .number(let number)? = value("seed"), !number.isInteger, abs(number.double) < 0x1p62 else {
            return try integer("seed", in: .min ... .max).map { Int($0) }
        }
        return Int(number.double.rounded(.towardZero))
    }

    /// Returns the integer part of a number, moved into a range; nil if the field is absent. Ollama and llama-server take 40.5 as 40.
    func wholePart(_ name: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .number(let number) = value else { throw .wrongType(path(to: name), expected: "an integer", got: value) }
        if let integer = number.int64 { return min(max(integer, range.lowerBound), range.upperBound) }
        let whole = number.double.rounded(.towardZero)
        if whole <= Double(range.lowerBound) { return range.lowerBound }
        return whole >= Double(range.upperBound) ? range.upperBound : Int64(whole)
    }
}
