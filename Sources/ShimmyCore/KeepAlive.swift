/// How long a model stays loaded after its last user is done.
package enum KeepAlive: Sendable, Equatable {
    /// Seconds until the idle model is freed; 0 frees it at once.
    case seconds(Double)
    case forever

    /// The max number of seconds (three decades). Longer times mean forever, because clocks cannot count as far as numbers go.
    private static let limit = 1e9

    /// Creates a time from a number of seconds. A negative number, or one above the limit, means forever. Returns nil if the number is not
    /// finite.
    package init?(seconds: Double) {
        guard seconds.isFinite else { return nil }
        self = (0...Self.limit).contains(seconds) ? .seconds(seconds) : .forever
    }

    /// Parses a duration as users write it and as Ollama accepts it: `90`, `90s`, `5m`, `1h30m`, `500ms`. A negative duration, or one above the
    /// limit, means forever. Returns nil for any other text.
    package init?(_ text: String) {
        var rest = Substring(text)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        guard let seconds = Self.parts(rest) else { return nil }
        self.init(seconds: isNegative ? -1 : seconds)
    }

    private static let units: [Substring: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400]

    private static func parts(_ text: Substring) -> Double? {
        if let seconds = number(text) { return seconds }
        var rest = text
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let value = number(digits), let factor = units[unit] else { return nil }
            total += value * factor
        }
        return text.isEmpty || !total.isFinite ? nil : total
    }

    /// Returns the value of digits with at most one decimal point; nil if there are signs, exponents or words such as "inf".
    private static func number(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }
}
