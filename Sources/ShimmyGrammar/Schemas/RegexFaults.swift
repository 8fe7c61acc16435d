/// Finds faults in regular expressions that no dialect accepts, including the dialects with constructs that `RegexGrammar` does not support.
enum RegexFaults {
    /// The scalars, besides letters and digits, that follow `(?` in some dialect.
    private static let kinds = ":=!<'>|#(&+-^~{?*@)".unicodeScalars

    /// Returns the fault of a pattern; nil if some dialect can accept the pattern.
    static func fault(in pattern: String) -> String? {
        let scalars = Array(pattern.unicodeScalars)
        var (index, depth) = (0, 0)
        while index < scalars.count {
            switch scalars[index] {
            case "\\":
                guard index + 1 < scalars.count else { return "there is nothing after the last backslash" }
                // A quoted text can contain any character.
                if scalars[index + 1] == "Q" { return nil }
                index += 2
            case "[":
                switch endOfSet(scalars, from: index + 1) {
                case .end(let end): index = end + 1
                case .missing: return "a ']' is missing"
                case .unknown: return nil
                }
            case "(":
                depth += 1
                index += 1
                guard index < scalars.count, scalars[index] == "?" else { continue }
                let rest = scalars[(index + 1)...]
                if hasComments(rest) { return nil }
                if let fault = fault(inGroup: rest) { return fault }
                index += 1
            case ")":
                depth -= 1
                if depth < 0 { return "there is one ')' too many" }
                index += 1
            default: index += 1
            }
        }
        return depth > 0 ? "a ')' is missing" : nil
    }

    private enum SetEnd {
        case end(Int)
        case missing
        /// The dialects read the set in different ways.
        case unknown
    }

    /// Returns the index of the `]` that ends a set whose members begin at `start`.
    private static func endOfSet(_ scalars: [Unicode.Scalar], from start: Int) -> SetEnd {
        var index = start
        if index < scalars.count, scalars[index] == "^" { index += 1 }
        if index < scalars.count, scalars[index] == "]" { return .unknown }
        while index < scalars.count {
            switch scalars[index] {
            case "]": return .end(index)
            case "[": return .unknown
            case "\\": index += 2
            default: index += 1
            }
        }
        return .missing
    }

    /// Whether a group, from the scalar after `(?`, is a comment or allows comments, which can contain any character.
    private static func hasComments(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        rest.first == "#" || rest.prefix(while: { $0.properties.isAlphabetic || $0 == "-" || $0 == "^" }).contains("x")
    }

    /// Returns the fault of a group, from the scalar after `(?`.
    private static func fault(inGroup rest: ArraySlice<Unicode.Scalar>) -> String? {
        guard let kind = rest.first else { return "the kind of a group is missing after '(?'" }
        guard kinds.contains(kind) || kind.isASCII && (kind.properties.isAlphabetic || kind.properties.numericType != nil) else {
            return "'(?\(kind)' does not begin a group"
        }
        var name = rest.dropFirst()
        if kind == "P" {
            guard let next = name.popFirst(), "<=>".unicodeScalars.contains(next) else { return "'(?P' does not begin a group" }
            if next != "<" { return nil }
        } else if kind != "<" {
            return nil
        } else if name.first == "=" || name.first == "!" {
            return nil
        }
        // Names are short; the limit keeps the search linear.
        guard let end = name.prefix(maximumName).firstIndex(of: ">") else {
            return name.count > maximumName ? nil : "the '>' after a group's name is missing"
        }
        return end == name.startIndex ? "a group's name is empty" : nil
    }

    private static let maximumName = 1000
}
