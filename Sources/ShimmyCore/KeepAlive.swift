/// How long a model stays loaded after its last user went.
package enum KeepAlive: Sendable, Equatable {
    /// 0 frees it at once.
    case seconds(Double)
    case forever

    /// Seconds beyond which a time is for ever: three decades. Clocks cannot count as far as numbers go.
    private static let limit = 1e9

    /// A number of seconds; negative, or more than anybody waits, for ever. Nil for what is no number.
    package init?(seconds: Double) {
        guard seconds.isFinite else { return nil }
        self = (0...Self.limit).contains(seconds) ? .seconds(seconds) : .forever
    }

    /// A time as people write it and as Ollama takes it: `90`, `90s`, `5m`, `1h30m`, `500ms`; for ever with a minus sign, or if nobody waits
    /// for so long. Nil for anything else.
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

    /// Digits with at most one point: no signs, exponents or names of numbers.
    private static func number(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }
}
