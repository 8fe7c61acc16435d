/// Regular expressions that are looked for anywhere in a text (ECMAScript's way, which JSON Schema asks for).
enum SearchPattern {
    /// The texts in which the expression is found.
    static func expression(_ pattern: String) throws(GrammarTextError) -> Grammar.Expression {
        var choices: [Grammar.Expression] = []
        for alternative in alternatives(pattern) {
            var scalars = Array(alternative.unicodeScalars)
            let isBegun = scalars.first == "^"
            if isBegun { scalars.removeFirst() }
            let isEnded = scalars.last == "$" && scalars.dropLast().reversed().prefix(while: { $0 == "\\" }).count.isMultiple(of: 2)
            if isEnded { scalars.removeLast() }
            var parts = [try whole(scalars)]
            if !isBegun { parts.insert(anything, at: 0) }
            if !isEnded { parts.append(anything) }
            choices.append(.sequence(parts))
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private static let anything = Grammar.Expression.repeated(.set(.all), least: 0, most: nil)

    private static func whole(_ scalars: [Unicode.Scalar]) throws(GrammarTextError) -> Grammar.Expression {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        // In a group, so that no anchor is looked for at its ends.
        let text = try RegexGrammar.expression("(?:" + String(view) + ")", in: .plain)
        return try GBNFParser.parse("root ::= " + text).rules["root"] ?? .empty
    }

    /// The parts of an expression between the bars that stand in no group.
    private static func alternatives(_ pattern: String) -> [String] {
        var parts = [""]
        var (depth, isClass, isEscaped) = (0, false, false)
        for scalar in pattern.unicodeScalars {
            if !isEscaped, !isClass, depth == 0, scalar == "|" {
                parts.append("")
                continue
            }
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
            parts[parts.count - 1].unicodeScalars.append(scalar)
        }
        return parts
    }
}
