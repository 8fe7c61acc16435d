/// Builds expressions for the numbers within bounds, digit by digit.
enum NumberRanges {
    typealias Expression = Grammar.Expression

    /// The max number of digits where no bound limits them; a model could otherwise write digits endlessly.
    static let longest = 20

    /// A bound of decimal numbers.
    struct Bound: Equatable {
        var isNegative: Bool
        /// The digits before the decimal point: at least one, without leading zeros.
        var whole: [UInt8]
        /// The digits after the decimal point, without trailing zeros.
        var fraction: [UInt8]
        var isExclusive: Bool

        /// Whether the bound's magnitude exceeds that of every number that the grammar allows.
        private(set) var isHuge = false

        /// - literal: a JSON number.
        init(_ literal: String, isExclusive: Bool) {
            var text = literal.lowercased()[...]
            isNegative = text.first == "-"
            if isNegative { text.removeFirst() }
            let parts = text.split(separator: "e", maxSplits: 1)
            let pieces = (parts.first ?? "0").split(separator: ".", maxSplits: 1)
            let digits = pieces.joined().utf8.map { $0 &- 48 }
            let exponentText = parts.count > 1 ? parts[1] : "0"
            let isSmall = exponentText.hasPrefix("-")
            // An exponent that overflows `Int` counts as infinite.
            let exponent = Int(exponentText.drop { $0 == "+" }) ?? (isSmall ? -1_000_000 : 1_000_000)
            let point = (pieces.first?.count ?? 0) + max(-1_000_000, min(1_000_000, exponent))
            self.isExclusive = isExclusive
            let significant = digits.drop { $0 == 0 }
            let magnitude = point - (digits.count - significant.count)
            guard !significant.isEmpty else {
                (isNegative, whole, fraction) = (false, [0], [])
                return
            }
            if magnitude > 2 * longest {
                (whole, fraction, isHuge) = ([9], [], true)
                return
            }
            // Add zeros after the decimal point before the first digit, or zeros up to the decimal point.
            let missing = max(0, -magnitude)
            let wholeCount = max(0, magnitude)
            var found = Array(significant) + [UInt8](repeating: 0, count: max(0, wholeCount - significant.count))
            found.insert(contentsOf: [UInt8](repeating: 0, count: min(missing, 4 * longest)), at: 0)
            whole = Array(found[..<min(wholeCount, found.count)])
            if whole.isEmpty { whole = [0] }
            fraction = Array(found[min(wholeCount, found.count)...])
            while fraction.last == 0 { fraction.removeLast() }
        }

        /// Returns an equivalent bound for numbers with at most `longest` digits after the decimal point.
        ///
        /// - isLow: whether the bound is a lower bound.
        func rounded(isLow: Bool) -> Bound {
            guard fraction.count > longest else { return self }
            var copy = self
            copy.fraction = Array(fraction[..<longest])
            // Truncation reduces the magnitude. A number with so few digits that exceeds the truncated magnitude also exceeds the original one, so
            // only a bound that requires a larger magnitude must exclude the truncated value itself.
            copy.isExclusive = isLow != isNegative
            while copy.fraction.last == 0 { copy.fraction.removeLast() }
            if copy.isZero { copy.isNegative = false }
            return copy
        }

        init(whole: [UInt8], isExclusive: Bool) {
            (self.isNegative, self.whole, self.fraction, self.isExclusive) = (false, whole, [], isExclusive)
        }

        static let zero = Bound(whole: [0], isExclusive: false)
        var isZero: Bool { whole == [0] && fraction.isEmpty }

        /// The bound of the magnitudes of negative numbers.
        var amount: Bound {
            var copy = self
            copy.isNegative = false
            return copy
        }
    }

    // MARK: Numbers with a sign

    /// Returns an expression for all numbers between two bounds; nil when there are none. A nil bound means unbounded.
    static func expression(from low: Bound?, to high: Bound?, isInteger: Bool) -> Expression? {
        var parts: [Expression] = []
        if low?.isNegative ?? true {
            // The magnitudes of negative numbers range from the upper bound to the lower one. Zero is written without a sign.
            let least = high.flatMap { $0.isNegative ? $0.amount : nil } ?? Bound(whole: [0], isExclusive: true)
            if let amounts = amounts(from: least, to: low?.amount, isInteger) { parts.append(.sequence([.literal("-"), amounts])) }
        }
        if !(high?.isNegative ?? false) {
            let least = low.flatMap { $0.isNegative ? nil : $0 } ?? .zero
            if let amounts = amounts(from: least, to: high, isInteger) { parts.append(amounts) }
        }
        return parts.isEmpty ? nil : parts.count == 1 ? parts[0] : .choice(parts)
    }

    private static func amounts(from low: Bound, to high: Bound?, _ isInteger: Bool) -> Expression? {
        isInteger ? integers(from: low, to: high) : decimals(from: low, to: high)
    }

    // MARK: Integers

    private static func integers(from low: Bound, to high: Bound?) -> Expression? {
        let least = low.fraction.isEmpty && !low.isExclusive ? low.whole : successor(low.whole)
        guard let high else { return wholes(from: least, to: nil) }
        var most: [UInt8]? = high.whole
        if high.fraction.isEmpty, high.isExclusive { most = predecessor(high.whole) }
        return most.flatMap { wholes(from: least, to: $0) }
    }

    private static func successor(_ digits: [UInt8]) -> [UInt8] {
        var result = digits
        for index in result.indices.reversed() {
            if result[index] < 9 {
                result[index] += 1
                return result
            }
            result[index] = 0
        }
        return [1] + result
    }

    private static func predecessor(_ digits: [UInt8]) -> [UInt8]? {
        if digits == [0] { return nil }
        var result = digits
        for index in result.indices.reversed() {
            if result[index] > 0 {
                result[index] -= 1
                break
            }
            result[index] = 9
        }
        return result.count > 1 && result[0] == 0 ? Array(result.dropFirst()) : result
    }

    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count != right.count ? left.count < right.count : left.lexicographicallyPrecedes(right)
    }

    /// Returns the whole numbers from `low` to `high` without leading zeros; nil when there are none. A nil `high` means unbounded.
    private static func wholes(from low: [UInt8], to high: [UInt8]?) -> Expression? {
        if let high, precedes(high, low) { return nil }
        let longest = high?.count ?? max(longest, low.count + 1)
        var parts: [Expression] = []
        for count in low.count...longest {
            let first = count == low.count ? low : [1] + [UInt8](repeating: 0, count: count - 1)
            let last = high.map { $0.count == count ? $0 : [UInt8](repeating: 9, count: count) } ?? [UInt8](repeating: 9, count: count)
            // 0 is the only number that begins with a zero.
            if count == 1 || first[0] > 0 { parts.append(sameLength(first[...], last[...])) }
        }
        return .choice(parts)
    }

    private static func digit(_ low: UInt8, _ high: UInt8) -> Expression { .set(ScalarSet([UInt32(low) + 48...UInt32(high) + 48])) }
    private static func digits(_ count: Int) -> [Expression] { count == 0 ? [] : [.repeated(digit(0, 9), least: count, most: count)] }

    /// Returns all sequences of digits from `low` to `high`, which have the same length.
    private static func sameLength(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> Expression {
        guard let first = low.first, let last = high.first else { return .empty }
        let (restLow, restHigh) = (low.dropFirst(), high.dropFirst())
        if first == last { return .sequence([digit(first, first), sameLength(restLow, restHigh)]) }
        var parts: [Expression] = []
        let isWholeLow = restLow.allSatisfy { $0 == 0 }
        let isWholeHigh = restHigh.allSatisfy { $0 == 9 }
        if !isWholeLow { parts.append(.sequence([digit(first, first), sameLength(restLow, restLow.map { _ in 9 }[...])])) }
        let (from, to) = (isWholeLow ? first : first + 1, isWholeHigh ? last : last - 1)
        if from <= to { parts.append(.sequence([digit(from, to)] + digits(restLow.count))) }
        if !isWholeHigh { parts.append(.sequence([digit(last, last), sameLength(restHigh.map { _ in 0 }[...], restHigh)])) }
        return .choice(parts)
    }

    // MARK: Decimals

    private static let anyDigits = Expression.repeated(digit(0, 9), least: 0, most: longest)
    private static let someDigits = Expression.repeated(digit(0, 9), least: 1, most: longest)
    /// Digits of a fraction that is not zero.
    private static let notZero = Expression.sequence([.repeated(digit(0, 0), least: 0, most: longest), digit(1, 9), anyDigits])
    private static let anyFraction = Expression.optional(.sequence([.literal("."), someDigits]))

    private static func decimals(from low: Bound, to high: Bound?) -> Expression? {
        var parts: [Expression] = []
        func add(_ whole: [UInt8], _ fraction: Expression?) {
            if let fraction { parts.append(.sequence([.literal(whole.map { $0 + 48 }), fraction])) }
        }
        if let high, high.whole == low.whole {
            add(low.whole, between(low, high))
        } else if high.map({ precedes(low.whole, $0.whole) }) ?? true {
            add(low.whole, above(low))
            if let high { add(high.whole, below(high)) }
            let last = high.flatMap { predecessor($0.whole) }
            if high == nil || last != nil, let inner = wholes(from: successor(low.whole), to: last) { parts.append(.sequence([inner, anyFraction])) }
        }
        return parts.isEmpty ? nil : .choice(parts)
    }

    private static func pointed(_ digits: Expression) -> Expression { .sequence([.literal("."), digits]) }

    /// Returns the fractions at or above the bound's fraction.
    private static func above(_ bound: Bound) -> Expression {
        if bound.fraction.isEmpty { return bound.isExclusive ? pointed(notZero) : anyFraction }
        return pointed(above(bound.fraction[...], bound.isExclusive))
    }

    private static func above(_ digits: ArraySlice<UInt8>, _ isExclusive: Bool) -> Expression {
        guard let first = digits.first else { return isExclusive ? notZero : anyDigits }
        var parts: [Expression] = [.sequence([digit(first, first), above(digits.dropFirst(), isExclusive)])]
        if first < 9 { parts.append(.sequence([digit(first + 1, 9), anyDigits])) }
        return .choice(parts)
    }

    /// Returns the fractions at or below the bound's fraction; nil when there are none.
    private static func below(_ bound: Bound) -> Expression? {
        if bound.fraction.isEmpty {
            return bound.isExclusive ? nil : .optional(pointed(.repeated(digit(0, 0), least: 1, most: longest)))
        }
        return .optional(pointed(below(bound.fraction[...], bound.isExclusive, isFirst: true)))
    }

    private static func below(_ digits: ArraySlice<UInt8>, _ isExclusive: Bool, isFirst: Bool = false) -> Expression {
        // Zeros may follow digits equal to the bound's; digits that end before the bound's last digit are less than the bound.
        guard let first = digits.first else { return isExclusive ? .choice([]) : .repeated(digit(0, 0), least: 0, most: longest) }
        var parts: [Expression] = isFirst ? [] : [.empty]
        parts.append(.sequence([digit(first, first), below(digits.dropFirst(), isExclusive)]))
        if first > 0 { parts.append(.sequence([digit(0, first - 1), anyDigits])) }
        return .choice(parts)
    }

    /// Returns the fractions between those of two bounds with the same whole part; nil when there are none.
    private static func between(_ low: Bound, _ high: Bound) -> Expression? {
        let isEqual = low.fraction == high.fraction
        if isEqual, low.isExclusive || high.isExclusive { return nil }
        if !isEqual, !low.fraction.lexicographicallyPrecedes(high.fraction) { return nil }
        let digits = between(low.fraction[...], high.fraction[...], low.isExclusive, high.isExclusive)
        // A number without a fraction equals the lower bound's whole part, so the lower bound must allow it.
        return low.fraction.isEmpty && !low.isExclusive ? .optional(pointed(.sequence([digits]))) : pointed(digits)
    }

    private static func between(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>, _ isAbove: Bool, _ isBelow: Bool) -> Expression {
        guard let last = high.first else {
            return low.isEmpty && !isAbove && !isBelow ? .repeated(digit(0, 0), least: 0, most: longest) : .choice([])
        }
        let first = low.first ?? 0
        var parts: [Expression] = []
        if low.isEmpty, !isAbove { parts.append(.empty) }
        if first == last {
            parts.append(.sequence([digit(first, first), between(low.dropFirst(), high.dropFirst(), isAbove, isBelow)]))
        } else {
            parts.append(.sequence([digit(first, first), above(low.dropFirst(), isAbove)]))
            if first + 1 <= last - 1 { parts.append(.sequence([digit(first + 1, last - 1), anyDigits])) }
            parts.append(.sequence([digit(last, last), below(high.dropFirst(), isBelow)]))
        }
        return .choice(parts)
    }

    // MARK: Multiples

    /// Returns the texts of all numbers that differ from `literal`; nil when it is too large or has too many digits after the decimal point.
    static func others(than literal: String, _ budget: GrammarBudget) throws(GrammarTextError) -> CharacterAutomaton? {
        let bound = Bound(literal, isExclusive: false)
        guard !bound.isHuge, bound.fraction.count <= longest else { return nil }
        var parts: [Expression] = [.literal((bound.isNegative ? "-" : "") + String(decoding: bound.whole.map { $0 + 48 }, as: UTF8.self))]
        let zeros = Expression.repeated(digit(0, 0), least: 0, most: nil)
        if bound.fraction.isEmpty {
            parts.append(.optional(.sequence([.literal("."), zeros])))
        } else {
            parts += [.literal("." + String(decoding: bound.fraction.map { $0 + 48 }, as: UTF8.self)), zeros]
        }
        return try CharacterAutomaton(.sequence(parts), budget).complement(budget)
    }

    private static let largestDivisor = 4000

    /// Returns the decimal numbers of any length that are multiples of `divisor`; nil when the divisor has too many digits.
    static func multiples(of divisor: Bound, isInteger: Bool, _ budget: GrammarBudget) throws(GrammarTextError) -> CharacterAutomaton? {
        guard !divisor.isZero, divisor.fraction.count <= longest, divisor.whole.count + divisor.fraction.count <= 2 * longest else { return nil }
        let significant = Array((divisor.whole + divisor.fraction).drop { $0 == 0 })
        guard significant.count <= 6 else { return nil }
        let number = significant.reduce(0) { $0 * 10 + Int($1) }
        guard number <= largestDivisor else { return nil }
        let places = divisor.fraction.count
        // `digits` contains the remainder so far and the number of digits after the decimal point (-1 before it).
        enum State: Hashable { case start, sign, zero, signedZero, digits(Int, Int) }
        func remainder(_ state: State) -> Int? {
            switch state {
            case .zero: return 0
            case .digits(let rest, let count) where count != 0:
                var rest = rest
                for _ in max(count, 0)..<places { rest = rest * 10 % number }
                return rest
            default: return nil
            }
        }
        func digits(_ rest: Int, _ count: Int, from first: UInt32 = 0) -> [(ClosedRange<UInt32>, State)] {
            (first...9).map { digit in
                (48 + digit...48 + digit, .digits((rest * 10 + Int(digit)) % number, count < 0 ? count : count + 1))
            }
        }
        return try CharacterAutomaton(start: State.start, budget: budget) {
            remainder($0) == 0 ? 0 : nil
        } step: { state in
            switch state {
            case .start: return [(45...45, .sign), (48...48, .zero)] + digits(0, -1, from: 1)
            case .sign: return digits(0, -1, from: 1) + (isInteger || places == 0 ? [] : [(48...48, .signedZero)])
            case .zero, .signedZero: return isInteger || places == 0 ? [] : [(46...46, .digits(0, 0))]
            case .digits(let rest, let count):
                var found: [(ClosedRange<UInt32>, State)] = []
                if count < 0, !isInteger, places > 0 { found.append((46...46, .digits(rest, 0))) }
                if count < places { found += digits(rest, count) }
                return found
            }
        }.sorted
    }
}
