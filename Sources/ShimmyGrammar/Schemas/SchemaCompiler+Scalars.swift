import ShimmyCore
import ShimmyJSON

/// Strings and numbers.
extension SchemaCompiler {
    // MARK: Numbers

    func numbers(_ flat: [SchemaPart], isInteger: Bool) throws(SchemaError) -> Expression? {
        let bounds = try bounds(flat)
        let excluded = excluded(flat).compactMap { value in if case .number(let number) = value { number } else { nil as JSONNumber? } }
        var multiples: [CharacterAutomaton] = []
        for part in flat where part.value("multipleOf") != nil {
            if let found = try self.multiples(part, isInteger: isInteger) { multiples.append(found) }
        }
        let hasFraction = flat.contains { $0.value(SchemaKeywords.fraction) != nil }
        if hasFraction, isInteger { return nil }
        if multiples.isEmpty, excluded.isEmpty, !hasFraction {
            if bounds.low == nil, bounds.high == nil, !bounds.isCut { return isInteger ? anyInteger : anyNumber }
            return NumberRanges.expression(from: bounds.low, to: bounds.high, isInteger: isInteger)
        }
        guard let range = NumberRanges.expression(from: bounds.low, to: bounds.high, isInteger: isInteger) else { return nil }
        do {
            if hasFraction { multiples.append(try CharacterAutomaton(Self.numberWithFraction, budget)) }
            var automaton = multiples.first
            for other in multiples.dropFirst() { automaton = try automaton?.intersection(other, budget) }
            if bounds.low != nil || bounds.high != nil || automaton == nil {
                let range = try CharacterAutomaton(range, budget)
                automaton = try automaton?.intersection(range, budget) ?? range
            }
            for number in excluded {
                guard let others = try NumberRanges.others(than: number.literal, budget) else { continue }
                automaton = try automaton?.intersection(others, budget)
            }
            guard let automaton, !automaton.isEmpty else { return nil }
            // The max length is twice the digits, plus a sign and a decimal point.
            return .automaton(CountedAutomaton(automaton: automaton, most: multiples.isEmpty ? nil : 2 * NumberRanges.longest + 2))
        } catch {
            let part = flat.first { $0.value("multipleOf") != nil } ?? flat[0]
            try pass(part.error(part.value("multipleOf") != nil ? "multipleOf" : "not", error.description))
            return range
        }
    }

    private func multiples(_ part: SchemaPart, isInteger: Bool) throws(SchemaError) -> CharacterAutomaton? {
        guard case .number(let number)? = part.value("multipleOf"), number.double > 0 || number.double == 0 && !number.literal.hasPrefix("-")
        else { throw part.error("multipleOf", "'multipleOf' must be a number above 0") }
        let divisor = NumberRanges.Bound(try digits(number, part, "multipleOf"), isExclusive: false)
        if divisor.isZero { throw part.error("multipleOf", "'multipleOf' must be a number above 0") }
        do {
            if !divisor.isHuge, let found = try NumberRanges.multiples(of: divisor, isInteger: isInteger, budget) { return found }
            try pass(part.error("multipleOf", "a 'multipleOf' with so many digits cannot be enforced"))
        } catch let error as SchemaError {
            throw error
        } catch {
            try pass(part.error("multipleOf", "\(error)"))
        }
        return nil
    }

    /// Returns the literal of a number; throws when it has too many digits.
    private func digits(_ number: JSONNumber, _ part: SchemaPart, _ key: String) throws(SchemaError) -> String {
        if number.literal.utf8.count > budget.limits.numberDigits {
            throw part.error(key, "the number has more than \(budget.limits.numberDigits) digits (limit numberDigits)")
        }
        return number.literal
    }

    private var anyInteger: Expression { .sequence([.optional(.literal("-")), Self.whole]) }

    private static let whole = Expression.choice([.literal("0"), .sequence([digit(1), digits(0, NumberRanges.longest - 1)])])
    private static func digit(_ from: UInt32) -> Expression { .set(ScalarSet([48 + from...57])) }
    private static func digits(_ least: Int, _ most: Int) -> Expression { .repeated(digit(0), least: least, most: most) }

    /// A number whose fraction is not zero, without an exponent.
    private static let numberWithFraction = Expression.sequence([
        .optional(.literal("-")), .choice([.literal("0"), .sequence([digit(1), anyDigits])]), .literal("."), anyDigits, digit(1), anyDigits,
    ])
    private static let anyDigits = Expression.repeated(digit(0), least: 0, most: nil)

    private var anyNumber: Expression {
        let fraction = Expression.sequence([.literal("."), Self.digits(1, NumberRanges.longest)])
        let exponent = Expression.sequence([
            .set(ScalarSet([0x45...0x45, 0x65...0x65])), .optional(.set(ScalarSet([0x2B...0x2B, 0x2D...0x2D]))), Self.digits(1, 2),
        ])
        return .sequence([anyInteger, .optional(fraction), .optional(exponent)])
    }

    /// Returns the narrowest bounds; a nil bound means unbounded.
    ///
    /// `isCut` is true when a bound has too many digits to be used, so that numbers with exponents must be excluded.
    private func bounds(_ flat: [SchemaPart]) throws(SchemaError) -> (low: NumberRanges.Bound?, high: NumberRanges.Bound?, isCut: Bool) {
        var (lows, highs): ([(Double, NumberRanges.Bound)], [(Double, NumberRanges.Bound)]) = ([], [])
        var isCut = false
        for part in flat {
            for key in ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"] {
                // Before draft 6, `exclusiveMinimum` and `exclusiveMaximum` were flags that modified `minimum` and `maximum`.
                guard let value = part.value(key), value.boolValue == nil else { continue }
                guard case .number(let number) = value else { throw part.error(key, "'\(key)' must be a number") }
                let isLow = key.hasSuffix("inimum")
                let isExclusive = key.hasPrefix("ex") || part.schema[isLow ? "exclusiveMinimum" : "exclusiveMaximum"] == true
                let bound = NumberRanges.Bound(try digits(number, part, key), isExclusive: isExclusive)
                guard !bound.isHuge else {
                    isCut = true
                    // A huge bound excludes either all numbers that the grammar allows, or none.
                    if isLow != bound.isNegative { try pass(part.error(key, "numbers with so many digits cannot be generated")) }
                    continue
                }
                if isLow {
                    lows.append((number.double, bound.rounded(isLow: true)))
                } else {
                    highs.append((number.double, bound.rounded(isLow: false)))
                }
            }
            if let range = part.value("format")?.stringValue.flatMap(StringFormats.range) {
                lows.append((Double(range.low) ?? 0, NumberRanges.Bound(range.low, isExclusive: false)))
                highs.append((Double(range.high) ?? 0, NumberRanges.Bound(range.high, isExclusive: false)))
            }
        }
        let low = lows.max { ($0.0, $0.1.isExclusive ? 1 : 0) < ($1.0, $1.1.isExclusive ? 1 : 0) }?.1
        let high = highs.min { ($0.0, $0.1.isExclusive ? 0 : 1) < ($1.0, $1.1.isExclusive ? 0 : 1) }?.1
        return (low, high, isCut)
    }

    // MARK: Strings

    func strings(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var lengths = try StringLengths(flat)
        // The automaton of a host name does not count its labels.
        if flat.contains(where: { $0.value("format") == "hostname" }) { lengths.limit(to: StringFormats.hostnameLength) }
        if let most = lengths.most, most < lengths.least { return nil }
        let patterns = try patterns(flat)
        let excluded = excluded(flat).compactMap(\.stringValue)
        if patterns.isEmpty, excluded.isEmpty {
            return quoted(.repeated(try character(), least: lengths.least, most: lengths.most))
        }
        if patterns.count == 1, excluded.isEmpty, !patterns[0].isExcluded, case .pattern = patterns[0].source,
            let bounded = try expression(of: patterns[0])?.bounded(lengths)
        {
            return quoted(bounded.mapped(Self.written))
        }
        guard var automaton = try automaton(of: patterns, excluding: excluded, flat[0]) else {
            // There is no automaton to combine with a length: enforce the first pattern alone.
            guard let pattern = patterns.first(where: { !$0.isExcluded }), let expression = try expression(of: pattern) else {
                return quoted(.repeated(try character(), least: lengths.least, most: lengths.most))
            }
            if lengths.matters { try pass(pattern.part.error(pattern.key, "it cannot be combined with a length limit")) }
            return quoted(expression.mapped(Self.written))
        }
        if automaton.isEmpty { return nil }
        if lengths.least == 0, lengths.most == nil, let shortest = automaton.onlyText { return .literal(JSON.string(shortest).text) }
        automaton = automaton.minimized
        do {
            let counted = CountedAutomaton(automaton: automaton, isInString: true, least: lengths.least, most: lengths.most)
            if lengths.matters, try !LengthRegion(counted, firstNode: 0, budget).allows(0, count: 0) { return nil }
        } catch {
            let part = flat.first { $0.value("maxLength") != nil } ?? flat[0]
            try pass(part.error("maxLength", error.description))
            lengths = StringLengths()
        }
        return quoted(.automaton(CountedAutomaton(automaton: automaton, isInString: true, least: lengths.least, most: lengths.most)))
    }

    struct Pattern {
        enum Source: Hashable {
            case pattern(String)
            case format(String)
        }

        let part: SchemaPart
        let key: String
        let source: Source
        var isExcluded = false
    }

    /// Returns all patterns that a text must match or, for excluded ones, must not match.
    func patterns(_ flat: [SchemaPart]) throws(SchemaError) -> [Pattern] {
        var result: [Pattern] = []
        for part in flat {
            if let value = part.value("pattern") {
                guard let text = value.stringValue else { throw part.error("pattern", "'pattern' must be a string") }
                if isTooLong(text) { throw part.error("pattern", tooLongPattern) }
                for (text, isExcluded) in SearchPattern.parts(text) {
                    result.append(Pattern(part: part, key: "pattern", source: .pattern(text), isExcluded: isExcluded))
                }
            }
            for text in part.schema[SchemaKeywords.excludedPattern]?.arrayValue?.compactMap(\.stringValue) ?? [] {
                result.append(Pattern(part: part, key: "pattern", source: .pattern(text), isExcluded: true))
            }
            if let value = part.value("format") {
                guard let format = value.stringValue else { throw part.error("format", "'format' must be a string") }
                if StringFormats.range(of: format) != nil { continue }
                guard StringFormats.pattern(of: format) != nil else {
                    // An unknown format is an annotation; in exact mode it is an error.
                    if mode == .exact, !StringFormats.isAnnotation(format) { throw part.error("format", "the format '\(format)' is not known") }
                    if StringFormats.unenforced.contains(format) { try pass(part.error("format", "the format '\(format)' cannot be enforced")) }
                    continue
                }
                result.append(Pattern(part: part, key: "format", source: .format(format)))
            }
        }
        return result
    }

    func isTooLong(_ pattern: String) -> Bool { pattern.utf8.count > budget.limits.patternBytes }

    var tooLongPattern: String { "the pattern has more than \(budget.limits.patternBytes) bytes (limit patternBytes)" }

    /// Returns the expression of a pattern for the whole text; nil when it cannot be enforced, which is reported. Throws when the pattern is not a
    /// regular expression.
    func expression(of pattern: Pattern) throws(SchemaError) -> Expression? {
        do {
            switch pattern.source {
            case .pattern(let text): return try SearchPattern.expression(text, budget)
            case .format(let name): return try SearchPattern.expression("^(\(StringFormats.pattern(of: name) ?? ""))$", budget)
            }
        } catch {
            let reason = pattern.part.error(pattern.key, error.description)
            if error.isMalformed { throw SchemaError(reason.pointer, "the pattern is not a regular expression: \(error.description)") }
            try pass(reason)
            return nil
        }
    }

    /// Returns the automaton of a pattern; nil when it cannot be enforced, which is reported.
    func automaton(of pattern: Pattern) throws(SchemaError) -> CharacterAutomaton? {
        if let known = automata[pattern.source] { return known }
        var made: CharacterAutomaton?
        if case .format(let name) = pattern.source, let found = StringFormats.automata.automaton(of: name) {
            made = found
        } else if let expression = try expression(of: pattern) {
            do {
                made = try CharacterAutomaton(expression, budget).minimized
                if case .format(let name) = pattern.source, let made { StringFormats.automata.keep(made, of: name) }
            } catch {
                try pass(pattern.part.error(pattern.key, error.description))
            }
        }
        automata[pattern.source] = .some(made)
        return made
    }

    /// Whether a text satisfies a pattern; true when the pattern cannot be enforced.
    func matches(_ text: String, _ pattern: Pattern) throws(SchemaError) -> Bool {
        guard let automaton = try automaton(of: pattern) else { return true }
        return automaton.accepts(text) != pattern.isExcluded
    }

    /// Returns the automaton of texts that satisfy all patterns and are not in `texts`; nil when none can be enforced.
    private func automaton(of patterns: [Pattern], excluding texts: [String], _ place: SchemaPart) throws(SchemaError) -> CharacterAutomaton? {
        var result: CharacterAutomaton?
        if !texts.isEmpty { result = .allBut(texts) }
        for pattern in patterns {
            guard var automaton = try automaton(of: pattern) else { continue }
            do {
                if pattern.isExcluded { automaton = try automaton.complement(budget) }
                result = try result?.intersection(automaton, budget) ?? automaton
            } catch {
                try pass(pattern.part.error(pattern.key, error.description))
            }
        }
        return result
    }

    func quoted(_ inside: Expression) -> Expression { .sequence([.literal("\""), inside, .literal("\"")]) }

    /// Returns the rule for one character of a string, escaped or not.
    func character() throws(SchemaError) -> Expression {
        try shared("character") {
            .choice([
                .set(ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])),
                .sequence([.literal("\\"), .set(ScalarSet("\"\\/bfnrt".unicodeScalars.map { $0.value...$0.value }))]),
                // The escape of a surrogate would need its other half.
                .sequence([.literal("\\u"), Self.scalarDigits]),
            ])
        }
    }

    private static let scalarDigits: Expression = {
        func hex(_ ranges: [ClosedRange<UInt32>]) -> Expression { .set(ScalarSet(ranges)) }
        let any = hex([48...57, 65...70, 97...102])
        let others = hex([48...57, 65...67, 69...70, 97...99, 101...102])
        return .choice([
            .sequence([others, any, any, any]),
            .sequence([hex([68...68, 100...100]), hex([48...55]), any, any]),
        ])
    }()

    /// Returns one character of a set as it is written in a JSON string.
    static func written(_ set: ScalarSet) -> Expression {
        let writer = GrammarWriter(context: .jsonString)
        let escaped = GrammarWriter.escapedInJSON.filter { set.contains($0.value) }
        let plain = set.subtracting(GrammarWriter.escaped)
        let parts = (plain.isEmpty ? [] : [Expression.set(plain)]) + escaped.map { .literal(writer.written($0)) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }
}

/// The min and max length of a string in characters; a nil `most` means unbounded.
struct StringLengths {
    private(set) var least = 0
    private(set) var most: Int?

    var matters: Bool { least > 0 || most != nil }

    init() {}

    init(_ flat: [SchemaPart]) throws(SchemaError) {
        for part in flat {
            if let least = try part.count("minLength") { self.least = max(self.least, least) }
            if let most = try part.count("maxLength") { limit(to: most) }
        }
    }

    mutating func limit(to most: Int) { self.most = min(self.most ?? most, most) }
}

extension SchemaPart {
    private static var most: Int { 1_000_000 }

    /// Returns the value of a keyword that is a count; nil when the keyword is absent or its limit exceeds every answer. Throws when it is not a
    /// count.
    func count(_ key: String) throws(SchemaError) -> Int? {
        guard let value = value(key) else { return nil }
        // An integer that overflows `Int` counts as `Int.max`.
        let isLarge = value.intValue == nil && value.doubleValue ?? -1 > 0 && value.kind == "an integer"
        guard let count = isLarge ? Int.max : value.intValue, count >= 0 else { throw error(key, "'\(key)' must be an integer of at least 0") }
        // No answer is that long, so the limit has no effect.
        if count > Self.most, key.hasPrefix("max") { return nil }
        guard count <= Self.most else { throw error(key, "'\(key)' must be at most \(Self.most)") }
        return count
    }
}

extension Grammar.Expression {
    /// Returns the expression with bounds on its length; nil when it is not a repeated set. `.choice([])` means that no text has a permitted length.
    fileprivate func bounded(_ lengths: StringLengths) -> Grammar.Expression? {
        if lengths.least == 0, lengths.most == nil { return self }
        switch self {
        case .sequence(let parts) where parts.count == 1: return parts[0].bounded(lengths)
        case .repeated(let body, let least, let most):
            guard case .set = body else { return nil }
            let (least, most) = (max(least, lengths.least), [most, lengths.most].compactMap(\.self).min())
            return most.map { $0 < least } ?? false ? .choice([]) : .repeated(body, least: least, most: most)
        default: return nil
        }
    }

    /// Returns the expression with each character of its literals and sets replaced by `written`.
    func mapped(_ written: (ScalarSet) -> Grammar.Expression) -> Grammar.Expression {
        switch self {
        case .literal(let bytes):
            .sequence(String(decoding: bytes, as: UTF8.self).unicodeScalars.map { written(ScalarSet($0)) })
        case .set(let set): written(set)
        case .sequence(let parts): .sequence(parts.map { $0.mapped(written) })
        case .choice(let parts): .choice(parts.map { $0.mapped(written) })
        case .repeated(let body, let least, let most): .repeated(body.mapped(written), least: least, most: most)
        case .rule, .control, .automaton, .unordered: self
        }
    }
}
