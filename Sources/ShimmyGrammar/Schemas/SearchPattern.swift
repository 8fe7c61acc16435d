/// Regular expressions that may match anywhere in a text, as JSON Schema specifies (ECMA-262 semantics).
enum SearchPattern {
    /// Returns an expression for the texts that contain a match of the pattern.
    static func expression(_ text: String, _ budget: GrammarBudget) throws(GrammarTextError) -> Grammar.Expression {
        var pattern = Substring(text)
        var flags = ""
        if pattern.hasPrefix("(?i)") {
            pattern = pattern.dropFirst(4)
            flags = "i"
        }
        var choices: [Grammar.Expression] = []
        var failure: GrammarTextError?
        var takesAll = false
        for alternative in alternatives(unwrapped(Array(pattern.unicodeScalars))).flatMap(distributed) {
            var scalars = anchored(unwrapped(alternative))
            let isBegun = scalars.first == "^"
            if isBegun { scalars.removeFirst() }
            let isEnded = endsWithAnchor(scalars)
            if isEnded { scalars.removeLast() }
            do {
                let body = try whole(scalars, flags, budget)
                // An empty match at the start or the end of the text.
                if body.mayBeEmpty, !isBegun || !isEnded { takesAll = true }
                choices.append(.sequence((isBegun ? [] : [anything]) + [body] + (isEnded ? [] : [anything])))
            } catch {
                if failure == nil || error.isMalformed { failure = error }
            }
        }
        // An expression that is not supported can also be malformed.
        if let known = failure, !known.isMalformed, let fault = RegexFaults.fault(in: text) { failure = GrammarTextError(fault, isMalformed: true) }
        // Every text matches, whatever the alternatives are that are not supported.
        if takesAll, failure?.isMalformed != true { return anything }
        if let failure { throw failure }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private static let anything = Grammar.Expression.repeated(.set(.all), least: 0, most: nil)

    private static func whole(
        _ scalars: [Unicode.Scalar], _ flags: String, _ budget: GrammarBudget
    ) throws(GrammarTextError) -> Grammar.Expression {
        // The group keeps `RegexGrammar` from taking the first and last characters for anchors.
        let text = try RegexGrammar.expression("(?:" + Self.text(scalars) + ")", flags: flags, in: .plain, budget: budget)
        return try GBNFParser.parse("root ::= " + text, budget: budget).rules["root"] ?? .empty
    }

    private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    // MARK: Structure

    /// Returns the group depth before each scalar and at the end; nil inside a set and for escaped scalars.
    private static func depths(_ scalars: [Unicode.Scalar]) -> [Int?] {
        var result: [Int?] = []
        var (depth, isClass, isEscaped) = (0, false, false)
        // The index of the first scalar of the set. A `]` there is a member of the set.
        var first = 0
        for (index, scalar) in scalars.enumerated() {
            result.append(isClass || isEscaped ? nil : depth)
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if isClass {
                if index == first, scalar == "^" { first += 1 } else { isClass = scalar != "]" || index == first }
            } else if scalar == "[" {
                (isClass, first) = (true, index + 1)
            } else if scalar == "(" {
                depth += 1
            } else if scalar == ")" {
                depth -= 1
            }
        }
        return result + [depth]
    }

    /// Returns the parts of an expression between the bars outside groups.
    private static func alternatives(_ scalars: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        var parts: [[Unicode.Scalar]] = [[]]
        for (scalar, depth) in zip(scalars, depths(scalars)) {
            if scalar == "|", depth == 0 { parts.append([]) } else { parts[parts.count - 1].append(scalar) }
        }
        return parts
    }

    /// Returns the expression with `^` and `$` in place of Python's anchors `\A` and `\Z` at its ends.
    private static func anchored(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var scalars = scalars
        if scalars.starts(with: "\\A".unicodeScalars) { scalars = ["^"] + scalars.dropFirst(2) }
        if let last = scalars.last, last == "Z" || last == "z",
            !scalars.dropLast().reversed().prefix(while: { $0 == "\\" }).count.isMultiple(of: 2)
        {
            scalars = scalars.dropLast(2) + ["$"]
        }
        return scalars
    }

    private static func endsWithAnchor(_ scalars: [Unicode.Scalar]) -> Bool {
        scalars.last == "$" && scalars.dropLast().reversed().prefix(while: { $0 == "\\" }).count.isMultiple(of: 2)
    }

    /// Returns the alternatives of an expression that ends with a group, each after the text before the group, if one of them ends with an anchor:
    /// `a(?:b|c$)` becomes `ab` and `ac$`. Returns any other expression alone.
    private static func distributed(_ scalars: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        let depths = depths(scalars)
        guard scalars.last == ")", depths[scalars.count - 1] == 1, let begin = depths.dropLast(2).lastIndex(of: 0), begin > 0 else {
            return [scalars]
        }
        let isPlain = scalars[begin + 1] != "?"
        guard scalars[begin] == "(", isPlain || scalars[begin + 2] == ":" else { return [scalars] }
        let inside = alternatives(Array(scalars[(begin + (isPlain ? 1 : 3))..<(scalars.count - 1)]))
        return inside.contains(where: endsWithAnchor) ? inside.map { Array(scalars[..<begin]) + $0 } : [scalars]
    }

    /// Returns the expression without a group around all of it, because the group may contain anchors.
    private static func unwrapped(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var scalars = scalars
        for _ in 0..<8 {
            guard scalars.first == "(", scalars.last == ")", scalars.count > 1 else { return scalars }
            let depths = depths(scalars)
            guard depths[scalars.count - 1] == 1, !depths[1..<scalars.count - 1].contains(0) else { return scalars }
            let isPlain = scalars[1] != "?"
            guard isPlain || scalars.count > 3 && scalars[2] == ":" else { return scalars }
            scalars = Array(scalars[(isPlain ? 1 : 3)..<scalars.count - 1])
        }
        return scalars
    }

    // MARK: Lookaround

    /// Splits off the lookaheads at the beginning of an expression and the lookbehinds at its end. Returns them and the rest as patterns that a text
    /// must match or must not match.
    static func parts(_ pattern: String) -> [(pattern: String, isExcluded: Bool)] {
        var scalars = withoutGroup(anchored(Array(pattern.unicodeScalars)))
        if let (absent, rest) = withoutMatches(scalars) { return [(text(absent), true), (text(rest), false)] }
        var result: [(pattern: String, isExcluded: Bool)] = []
        for _ in 0..<16 {
            guard scalars.starts(with: "^(?=".unicodeScalars) || scalars.starts(with: "^(?!".unicodeScalars) else { break }
            let depths = depths(scalars)
            // Lookaheads in one of several alternatives apply to that alternative only.
            if zip(scalars, depths).contains(where: { $0 == "|" && $1 == 0 }) { return [(pattern, false)] }
            guard let end = depths.indices.first(where: { $0 > 1 && depths[$0] == 0 }) else { break }
            // A repeated lookahead may be skipped.
            if end < scalars.count, "*+?{".unicodeScalars.contains(scalars[end]) { break }
            // A lookahead here begins at the start of the text, where an anchor of its own holds.
            let inside = alternatives(Array(scalars[4..<end - 1])).map { part -> [Unicode.Scalar] in
                part.first == "^" ? part : ["^"] + part
            }
            result.append((text(inside.joined(separator: "|".unicodeScalars)), scalars[3] == "!"))
            scalars = ["^"] + scalars[end...]
        }
        for _ in 0..<16 {
            guard let (behind, isExcluded, rest) = lookbehind(scalars) else { break }
            result.append((text(behind), isExcluded))
            scalars = rest
        }
        return result + [(text(scalars), false)]
    }

    /// Returns an expression for the texts that end as the lookbehind before a final `$` requires, and the expression without the lookbehind; nil if
    /// there is none.
    private static func lookbehind(_ scalars: [Unicode.Scalar]) -> (behind: [Unicode.Scalar], isExcluded: Bool, rest: [Unicode.Scalar])? {
        guard endsWithAnchor(scalars) else { return nil }
        let body = Array(scalars.dropLast())
        let depths = depths(body)
        guard body.last == ")", depths[body.count - 1] == 1, let begin = depths.dropLast(2).lastIndex(of: 0) else { return nil }
        let group = body[begin...]
        guard group.starts(with: "(?<=".unicodeScalars) || group.starts(with: "(?<!".unicodeScalars) else { return nil }
        // A lookbehind in one of several alternatives applies to that alternative only.
        if zip(body, depths).contains(where: { $0 == "|" && $1 == 0 }) { return nil }
        let inside = alternatives(Array(group.dropFirst(4).dropLast())).map { endsWithAnchor($0) ? $0 : $0 + ["$"] }
        return (Array(inside.joined(separator: "|".unicodeScalars)), body[begin + 3] == "!", Array(body[..<begin]) + ["$"])
    }

    /// Returns `^(?!a)b$` for `^((?!a)b)$`; returns any other expression unchanged.
    private static func withoutGroup(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard scalars.first == "^", endsWithAnchor(scalars), scalars.count > 2 else { return scalars }
        let inside = unwrapped(Array(scalars[1..<(scalars.count - 1)]))
        guard inside.starts(with: "(?=".unicodeScalars) || inside.starts(with: "(?!".unicodeScalars), alternatives(inside).count == 1 else {
            return scalars
        }
        return ["^"] + inside + ["$"]
    }

    /// Returns the expression that must not match anywhere and the one that must match, for the common way to write this: `^((?!a).)*$`. Nil for any
    /// other expression.
    private static func withoutMatches(_ scalars: [Unicode.Scalar]) -> (absent: [Unicode.Scalar], rest: [Unicode.Scalar])? {
        let prefixes = ["^((?!", "^(?:(?!"].map { Array($0.unicodeScalars) }
        guard let prefix = prefixes.first(where: { scalars.starts(with: $0) }), scalars.suffix(4).starts(with: ".)".unicodeScalars),
            scalars.last == "$",
            let sign = scalars.dropLast().last, sign == "*" || sign == "+"
        else { return nil }
        let depths = depths(scalars)
        // The lookahead ends before the dot.
        let end = scalars.count - 4
        guard prefix.count < end, scalars[end - 1] == ")", depths[end] == 1, depths[prefix.count..<end].allSatisfy({ ($0 ?? 2) > 1 }) else {
            return nil
        }
        return (Array(scalars[prefix.count..<(end - 1)]), ["^", ".", sign, "$"])
    }
}

extension Grammar.Expression {
    /// Whether an expression of a pattern, which refers to no rules, matches the empty text.
    fileprivate var mayBeEmpty: Bool {
        switch self {
        case .literal(let bytes): bytes.isEmpty
        case .sequence(let parts): parts.allSatisfy(\.mayBeEmpty)
        case .choice(let parts): parts.contains(where: \.mayBeEmpty)
        case .repeated(let body, let least, _): least == 0 || body.mayBeEmpty
        case .set, .rule, .control, .automaton, .unordered: false
        }
    }
}
