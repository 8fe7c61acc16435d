/// The format `regex`: expressions that ECMA-262 and other regular expression dialects parse alike.
///
/// An automaton cannot accept all expressions. It accepts groups up to a nesting depth and the usual ranges, but not backreferences, named groups or
/// character properties. Every accepted text is a valid expression in all dialects.
enum RegexFormat {
    private static let depth = 2

    /// The format as a regular expression that matches the whole text.
    static let pattern = alternatives(depth: depth)

    /// Returns terms and bars in any order; both sides of a bar may be empty.
    private static func alternatives(depth: Int) -> String { "(?:\(term(depth: depth))|\\|)*" }

    private static func term(depth: Int) -> String {
        var (atoms, assertions) = ([character, "\\.", escape, classEscape, characterClass], ["\\^", "\\$", #"\\[bB]"#])
        if depth > 0 { atoms.append("\\((?:\\?:)?\(alternatives(depth: depth - 1))\\)") }
        // Lookaheads inside groups, or with groups inside them, are rare, so they are omitted.
        if depth == Self.depth { assertions.append("\\(\\?[=!]\(alternatives(depth: 0))\\)") }
        return "(?:\(atoms.joined(separator: "|")))(?:\(quantifier))?|" + assertions.joined(separator: "|")
    }

    private static let character = #"[^\\^$.|?*+()\[\]{}]"#
    private static let escape = #"\\(?:[\\^$.|?*+()\[\]{}/tnrfv-]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})"#
    private static let classEscape = #"\\[dDsSwW]"#

    // A minus stands for itself only at either end.
    private static let characterClass: String = {
        let items = "(?:[^\\\\\\[\\]^-]|\(escape)|\\\\b|\(classEscape)|\(ranges))"
        return "\\[\\^?(?:-?\(items)+-?|-)\\]"
    }()

    /// Ranges of letters and digits that begin with the first or end with the last of their kind, and other common ranges.
    private static let ranges = "0-[0-9]|[0-9]-9|a-[a-z]|[a-z]-z|A-[A-Z]|[A-Z]-Z|A-z|[ !]-~"

    /// The max is not less than the min: it has more digits, or a larger first digit.
    private static let quantifier: String = {
        var bounds = ["(?:0|[1-9][0-9]{0,3}),?", "[0-9],[1-9][0-9]{1,3}", "[1-9][0-9],[1-9][0-9]{2,3}"]
        bounds += (0...9).map { "\($0),[\($0)-9]" }
        bounds += (1...8).map { "\($0)[0-9],[\($0 + 1)-9][0-9]" }
        return "(?:[*+?]|\\{(?:\(bounds.joined(separator: "|")))\\})\\??"
    }()
}
