/// Regular expressions that may match anywhere in a text, as JSON Schema specifies (ECMA-262 semantics).
enum SearchPattern {
    /// Returns an expression for the texts that contain a match of the pattern.
    static func expression(_ pattern: String, _ budget: GrammarBudget) throws(GrammarTextError) -> Grammar.Expression {
        var pattern = Substring(pattern)
        var flags = ""
        if pattern.hasPrefix("(?i)") {
            pattern = pattern.dropFirst(4)
            flags = "i"
        }
        var choices: [Grammar.Expression] = []
        for alternative in alternatives(unwrapped(Array(pattern.unicodeScalars))) {
            var scalars = unwrapped(alternative)
            let isBegun = scalars.first == "^"
            if isBegun { scalars.removeFirst() }
            let isEnded = scalars.last == "$" && scalars.dropLast().reversed().prefix(while: { $0 == "\\" }).count.isMultiple(of: 2)
            if isEnded { scalars.removeLast() }
            var parts = [try whole(scalars, flags, budget)]
            if !isBegun { parts.insert(anything, at: 0) }
            if !isEnded { parts.append(anything) }
            choices.append(.sequence(parts))
        }
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
        for scalar in scalars {
            result.append(isClass || isEscaped ? nil : depth)
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if isClass {
                isClass = scalar != "]"
            } else if scalar == "[" {
                isClass = true
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

    // MARK: Looking ahead

    /// Splits off the lookaheads at the beginning of an expression. Returns them and the rest as patterns that a text must match or must not match.
    static func lookaheads(_ pattern: String) -> [(pattern: String, isExcluded: Bool)] {
        var scalars = Array(pattern.unicodeScalars)
        var result: [(pattern: String, isExcluded: Bool)] = []
        for _ in 0..<16 {
            guard scalars.starts(with: "^(?=".unicodeScalars) || scalars.starts(with: "^(?!".unicodeScalars) else { break }
            let depths = depths(scalars)
            // Lookaheads in one of several alternatives apply to that alternative only.
            if zip(scalars, depths).contains(where: { $0 == "|" && $1 == 0 }) { return [(pattern, false)] }
            guard let end = depths.indices.first(where: { $0 > 1 && depths[$0] == 0 }) else { break }
            let inside = Array(scalars[4..<end - 1])
            let hasBar = zip(inside, Self.depths(inside)).contains { $0 == "|" && $1 == 0 }
            result.append((hasBar ? "^(?:\(text(inside)))" : "^\(text(inside))", scalars[3] == "!"))
            scalars = ["^"] + scalars[end...]
        }
        return result + [(text(scalars), false)]
    }
}
