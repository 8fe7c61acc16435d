/// The format `regex`: the expressions that ECMA-262 and the regular expressions of other languages read alike.
///
/// An automaton cannot tell all expressions: groups are nested to a depth, ranges are those that are usual, and neither references back, nor names,
/// nor properties of characters are among them. What it accepts is an expression everywhere.
enum RegexFormat {
    private static let depth = 2

    /// As a regular expression of the whole text.
    static let pattern = alternatives(depth: depth)

    /// Terms and bars in any order: each side of a bar may be empty.
    private static func alternatives(depth: Int) -> String { "(?:\(term(depth: depth))|\\|)*" }

    private static func term(depth: Int) -> String {
        var (atoms, assertions) = ([character, "\\.", escape, classEscape, characterClass], ["\\^", "\\$", #"\\[bB]"#])
        if depth > 0 { atoms.append("\\((?:\\?:)?\(alternatives(depth: depth - 1))\\)") }
        // Looking ahead is rarely done in groups, and never with many groups.
        if depth == Self.depth { assertions.append("\\(\\?[=!]\(alternatives(depth: 0))\\)") }
        return "(?:\(atoms.joined(separator: "|")))(?:\(quantifier))?|" + assertions.joined(separator: "|")
    }

    private static let character = #"[^\\^$.|?*+()\[\]{}]"#
    private static let escape = #"\\(?:[\\^$.|?*+()\[\]{}/tnrfv-]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})"#
    private static let classEscape = #"\\[dDsSwW]"#

    // A minus stands for itself at either end only.
    private static let characterClass: String = {
        let items = "(?:[^\\\\\\[\\]^-]|\(escape)|\\\\b|\(classEscape)|\(ranges))"
        return "\\[\\^?(?:-?\(items)+-?|-)\\]"
    }()

    /// Letters and digits from the first of their kind, or up to the last one, and what people write besides.
    private static let ranges = "0-[0-9]|[0-9]-9|a-[a-z]|[a-z]-z|A-[A-Z]|[A-Z]-Z|A-z|[ !]-~"

    /// A bound above is not less than the one below: it has more digits, or a larger first one.
    private static let quantifier: String = {
        var bounds = ["(?:0|[1-9][0-9]{0,3}),?", "[0-9],[1-9][0-9]{1,3}", "[1-9][0-9],[1-9][0-9]{2,3}"]
        bounds += (0...9).map { "\($0),[\($0)-9]" }
        bounds += (1...8).map { "\($0)[0-9],[\($0 + 1)-9][0-9]" }
        return "(?:[*+?]|\\{(?:\(bounds.joined(separator: "|")))\\})\\??"
    }()
}
