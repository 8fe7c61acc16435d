import ShimmyJSON

/// Strings and numbers.
extension SchemaCompiler {
    // MARK: Numbers

    func numbers(_ flat: [SchemaPart], isInteger: Bool) throws(SchemaError) -> Expression? {
        let bounds = try bounds(flat)
        let divisors = flat.compactMap { part in part.schema["multipleOf"].map { (part, $0) } }
        guard !divisors.isEmpty else {
            if bounds.low == nil, bounds.high == nil { return isInteger ? anyInteger : anyNumber }
            return NumberRanges.expression(from: bounds.low, to: bounds.high, isInteger: isInteger)
        }
        do {
            var automaton: CharacterAutomaton?
            for (part, value) in divisors {
                guard case .number(let number) = value, number.double > 0, let divisor = NumberRanges.Bound(number.literal, isExclusive: false),
                    let multiples = try NumberRanges.multiples(of: divisor, isInteger: isInteger)
                else {
                    try pass(part.error("multipleOf", "'multipleOf' is a number above 0 with few digits"))
                    continue
                }
                automaton = try automaton?.intersection(multiples) ?? multiples
            }
            guard let range = NumberRanges.expression(from: bounds.low, to: bounds.high, isInteger: isInteger) else { return nil }
            guard var automaton else { return range }
            if bounds.low != nil || bounds.high != nil { automaton = try automaton.intersection(CharacterAutomaton(range)) }
            return automaton.isEmpty ? nil : try add(automaton) { .set($0) }
        } catch let error as SchemaError {
            throw error
        } catch {
            try pass(divisors[0].0.error("multipleOf", "\(error)"))
            return NumberRanges.expression(from: bounds.low, to: bounds.high, isInteger: isInteger)
        }
    }

    private var anyInteger: Expression { .sequence([.optional(.literal("-")), Self.whole]) }

    private static let whole = Expression.choice([.literal("0"), .sequence([digit(1), digits(0, NumberRanges.longest - 1)])])
    private static func digit(_ from: UInt32) -> Expression { .set(ScalarSet([48 + from...57])) }
    private static func digits(_ least: Int, _ most: Int) -> Expression { .repeated(digit(0), least: least, most: most) }

    private var anyNumber: Expression {
        let fraction = Expression.sequence([.literal("."), Self.digits(1, NumberRanges.longest)])
        let exponent = Expression.sequence([
            .set(ScalarSet([0x45...0x45, 0x65...0x65])), .optional(.set(ScalarSet([0x2B...0x2B, 0x2D...0x2D]))), Self.digits(1, 2),
        ])
        return .sequence([anyInteger, .optional(fraction), .optional(exponent)])
    }

    /// The narrowest of all bounds.
    private func bounds(_ flat: [SchemaPart]) throws(SchemaError) -> (low: NumberRanges.Bound?, high: NumberRanges.Bound?) {
        var (lows, highs): ([(Double, NumberRanges.Bound)], [(Double, NumberRanges.Bound)]) = ([], [])
        for part in flat {
            for key in ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"] {
                // Before draft 6 the exclusive ones were flags of the others.
                guard let value = part.schema[key], value.boolValue == nil else { continue }
                guard case .number(let number) = value else { throw part.error(key, "'\(key)' is a number") }
                let isLow = key.hasSuffix("inimum")
                let isExclusive = key.hasPrefix("ex") || part.schema[isLow ? "exclusiveMinimum" : "exclusiveMaximum"] == true
                guard let bound = NumberRanges.Bound(number.literal, isExclusive: isExclusive) else {
                    try pass(part.error(key, "the number has too many digits"))
                    continue
                }
                if isLow { lows.append((number.double, bound)) } else { highs.append((number.double, bound)) }
            }
            if let range = part.schema["format"]?.stringValue.flatMap(StringFormats.range) {
                if let low = NumberRanges.Bound(range.low, isExclusive: false) { lows.append((Double(range.low) ?? 0, low)) }
                if let high = NumberRanges.Bound(range.high, isExclusive: false) { highs.append((Double(range.high) ?? 0, high)) }
            }
        }
        let low = lows.max { ($0.0, $0.1.isExclusive ? 1 : 0) < ($1.0, $1.1.isExclusive ? 1 : 0) }?.1
        let high = highs.min { ($0.0, $0.1.isExclusive ? 0 : 1) < ($1.0, $1.1.isExclusive ? 0 : 1) }?.1
        return (low, high)
    }

    // MARK: Strings

    func strings(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        let lengths = try StringLengths(flat)
        if let most = lengths.most, most < lengths.least { return nil }
        let patterns = try patterns(flat)
        if patterns.isEmpty {
            let characters = Expression.repeated(try character(), least: lengths.least, most: lengths.most)
            return quoted(characters)
        }
        if patterns.count == 1, let bounded = patterns[0].expression.bounded(lengths) { return quoted(bounded.mapped(Self.written)) }
        do {
            var automaton = try CharacterAutomaton(patterns[0].expression)
            for pattern in patterns.dropFirst() { automaton = try automaton.intersection(CharacterAutomaton(pattern.expression)) }
            if lengths.least > 0 || lengths.most != nil {
                automaton = try automaton.intersection(.lengths(lengths.least, lengths.most))
            }
            return automaton.isEmpty ? nil : quoted(try add(automaton, character: Self.written))
        } catch let error as SchemaError {
            throw error
        } catch {
            try pass(patterns[0].part.error(patterns[0].key, "\(error)"))
            return quoted(patterns[0].expression.mapped(Self.written))
        }
    }

    struct Pattern {
        let part: SchemaPart
        let key: String
        let expression: Expression
    }

    /// All expressions that a text has to match as a whole.
    private func patterns(_ flat: [SchemaPart]) throws(SchemaError) -> [Pattern] {
        var result: [Pattern] = []
        for part in flat {
            if let value = part.schema["pattern"] {
                guard let text = value.stringValue else { throw part.error("pattern", "'pattern' is a string") }
                if let found = try pattern(text, of: part, "pattern") { result.append(found) }
            }
            if let value = part.schema["format"] {
                guard let format = value.stringValue else { throw part.error("format", "'format' is a string") }
                if StringFormats.range(of: format) != nil { continue }
                guard let text = StringFormats.pattern(of: format) else {
                    try pass(part.error("format", "the format '\(format)' is not known"))
                    continue
                }
                if !text.isEmpty, let found = try pattern("^(\(text))$", of: part, "format") { result.append(found) }
            }
        }
        return result
    }

    /// An expression that is looked for anywhere in a text, as one of the whole text.
    func pattern(_ text: String, of part: SchemaPart, _ key: String) throws(SchemaError) -> Pattern? {
        do {
            return Pattern(part: part, key: key, expression: try SearchPattern.expression(text))
        } catch {
            try pass(part.error(key, error.description))
            return nil
        }
    }

    func quoted(_ inside: Expression) -> Expression { .sequence([.literal("\""), inside, .literal("\"")]) }

    /// One character of a string, escaped or not.
    func character() throws(SchemaError) -> Expression {
        try shared("character") {
            .choice([
                .set(ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])),
                .sequence([.literal("\\"), .set(ScalarSet("\"\\/bfnrt".unicodeScalars.map { $0.value...$0.value }))]),
                // Escapes of surrogates would need their other half.
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

    /// One character of a set as it stands in a string of JSON.
    static func written(_ set: ScalarSet) -> Expression {
        let writer = GrammarWriter(context: .jsonString)
        let escaped = GrammarWriter.escapedInJSON.filter { set.contains($0.value) }
        let plain = set.subtracting(ScalarSet(GrammarWriter.escapedInJSON.map { $0.value...$0.value }))
        let parts = (plain.isEmpty ? [] : [Expression.set(plain)]) + escaped.map { .literal(writer.written($0)) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }
}

/// How long a string may be, in characters.
struct StringLengths {
    private(set) var least = 0
    private(set) var most: Int?

    init(_ flat: [SchemaPart]) throws(SchemaError) {
        for part in flat {
            if let least = try part.count("minLength") { self.least = max(self.least, least) }
            if let most = try part.count("maxLength") { self.most = min(self.most ?? most, most) }
        }
    }
}

extension SchemaPart {
    private static var most: Int { 1_000_000 }

    /// A keyword that counts something.
    func count(_ key: String) throws(SchemaError) -> Int? {
        guard let value = schema[key] else { return nil }
        guard let count = value.intValue, count >= 0 else { throw error(key, "'\(key)' is a whole number, 0 or more") }
        // Nothing that a model says is that long.
        if count > Self.most, key.hasPrefix("max") { return nil }
        guard count <= Self.most else { throw error(key, "'\(key)' is at most \(Self.most)") }
        return count
    }
}

extension Grammar.Expression {
    /// With bounds of its length, where they can be said of the expression as it is; `.choice([])` when nothing is that long.
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

    /// With every character of literals and sets written in another way.
    func mapped(_ written: (ScalarSet) -> Grammar.Expression) -> Grammar.Expression {
        switch self {
        case .literal(let bytes):
            .sequence(String(decoding: bytes, as: UTF8.self).unicodeScalars.map { written(ScalarSet($0)) })
        case .set(let set): written(set)
        case .sequence(let parts): .sequence(parts.map { $0.mapped(written) })
        case .choice(let parts): .choice(parts.map { $0.mapped(written) })
        case .repeated(let body, let least, let most): .repeated(body.mapped(written), least: least, most: most)
        case .rule, .control: self
        }
    }
}
