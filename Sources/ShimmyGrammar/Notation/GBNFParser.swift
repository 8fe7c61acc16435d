/// A parser of llama.cpp's grammar notation (GBNF): rules `name ::= …` with literals, sets of characters, `.`, groups, `|`, `*`, `+`, `?`, `{m,n}`,
/// `<control token>` and comments; also the extensions `@text{…}` and `@string{…}` (see `AutomatonNotation`) and `@members{…}` (see
/// `UnorderedMembers`).
struct GBNFParser {
    private static let maximumDepth = 128
    /// The max number of suffixes, such as `*`, after one element.
    private static let maximumSuffixes = 16
    private static let maximumRepetitions = 1_000_000

    let scalars: [Unicode.Scalar]
    var index = 0
    private var depth = 0
    private var elements = 0
    private let budget: GrammarBudget

    /// - root: the name of the rule that the whole text fits.
    /// Throws `GrammarTextError` when the text is not a grammar, lacks `root` or a rule that it refers to, or is too long.
    static func parse(_ text: String, root: String = "root", budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) -> Grammar {
        try budget.check(text: text)
        var parser = GBNFParser(scalars: Array(text.unicodeScalars), budget: budget)
        var grammar = try parser.grammar()
        grammar.root = root
        try grammar.checkReferences()
        return grammar
    }

    /// Parses the body of a rule.
    static func parseBody(_ text: String, budget: GrammarBudget) throws(GrammarTextError) -> Grammar.Expression {
        try budget.check(text: text)
        var parser = GBNFParser(scalars: Array(text.unicodeScalars), budget: budget)
        let body = try parser.alternatives(nested: true)
        if let scalar = parser.next { throw parser.fail("'\(scalar)' is unexpected") }
        return body
    }

    private init(scalars: [Unicode.Scalar], budget: GrammarBudget) {
        self.scalars = scalars
        self.budget = budget
    }

    var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    func fail(_ message: String) -> GrammarTextError {
        let line = scalars[..<min(index, scalars.count)].count { $0 == "\n" } + 1
        return GrammarTextError("\(message) in line \(line)")
    }

    // MARK: Rules

    private mutating func grammar() throws(GrammarTextError) -> Grammar {
        var grammar = Grammar(rules: [:])
        skipSpace(newlines: true)
        while next != nil {
            let name = try name()
            skipSpace()
            guard take(":"), take(":"), take("=") else { throw fail("'::=' is missing after '\(name)'") }
            skipSpace(newlines: true)
            let body = try alternatives(nested: false)
            // The last definition of a rule wins, as in llama.cpp.
            grammar.rules[name] = body
            if let scalar = next, scalar != "\n", scalar != "\r" { throw fail("'\(scalar)' is unexpected") }
            skipSpace(newlines: true)
        }
        return grammar
    }

    mutating func name() throws(GrammarTextError) -> String {
        let start = index
        while let scalar = next, Self.isName(scalar) { index += 1 }
        if index == start { throw fail("a name is missing") }
        return text(start..<index)
    }

    private static func isName(_ scalar: Unicode.Scalar) -> Bool { scalar == "-" || ScalarSet.word.contains(scalar.value) }

    func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[range])
        return String(view)
    }

    mutating func skipSpace(newlines: Bool = false) {
        while let scalar = next {
            if scalar == "#" {
                while let scalar = next, scalar != "\n", scalar != "\r" { index += 1 }
            } else if scalar == " " || scalar == "\t" || newlines && (scalar == "\n" || scalar == "\r") {
                index += 1
            } else {
                return
            }
        }
    }

    private mutating func alternatives(nested: Bool) throws(GrammarTextError) -> Grammar.Expression {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw fail("groups are nested deeper than \(Self.maximumDepth)") }
        var choices = [try sequence(nested: nested)]
        while continuesWithBar() {
            skipSpace(newlines: true)
            choices.append(try sequence(nested: nested))
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    /// Consumes a '|', even at the beginning of the next line.
    private mutating func continuesWithBar() -> Bool {
        let start = index
        skipSpace(newlines: true)
        if take("|") { return true }
        index = start
        return false
    }

    private mutating func sequence(nested: Bool) throws(GrammarTextError) -> Grammar.Expression {
        var parts: [Grammar.Expression] = []
        while let part = try element() {
            parts.append(try repeated(part))
            skipSpace(newlines: nested)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    // MARK: Elements

    private mutating func element() throws(GrammarTextError) -> Grammar.Expression? {
        guard let scalar = next else { return nil }
        elements += 1
        if elements.isMultiple(of: 1024) { try budget.check() }
        switch scalar {
        case "\"": return try literal()
        case "[": return try set()
        case ".":
            index += 1
            return .set(.all)
        case "(":
            index += 1
            skipSpace(newlines: true)
            let inside = try alternatives(nested: true)
            skipSpace(newlines: true)
            guard take(")") else { throw fail("a ')' is missing") }
            return inside
        case "<": return try control()
        case "@": return try extended()
        case "!": throw fail("excluded tokens ('!') are not supported")
        default: return Self.isName(scalar) ? .rule(try name()) : nil
        }
    }

    /// Parses an extension of GBNF, which begins with '@'.
    private mutating func extended() throws(GrammarTextError) -> Grammar.Expression {
        index += 1
        let kind = try name()
        switch kind {
        case "text", "string": return .automaton(try automaton(isInString: kind == "string"))
        case "members": return .unordered(try unorderedMembers())
        default: throw fail("'@\(kind)' is not known")
        }
    }

    private mutating func literal() throws(GrammarTextError) -> Grammar.Expression {
        index += 1
        var bytes: [UInt8] = []
        while let scalar = next, scalar != "\"" { bytes += try Array(String(Character(character())).utf8) }
        guard take("\"") else { throw fail("a '\"' is missing") }
        return .literal(bytes)
    }

    mutating func set() throws(GrammarTextError) -> Grammar.Expression {
        index += 1
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while let scalar = next, scalar != "]" {
            let low = try character().value
            var high = low
            if next == "-", index + 1 < scalars.count, scalars[index + 1] != "]" {
                index += 1
                high = try character().value
            }
            if high < low { throw fail("the end of a range is before its start") }
            ranges.append(low...high)
        }
        guard take("]") else { throw fail("a ']' is missing") }
        let set = ScalarSet(ranges)
        return .set(isInverted ? set.inverted : set)
    }

    private mutating func control() throws(GrammarTextError) -> Grammar.Expression {
        let start = index
        while let scalar = next, scalar != ">", scalar != "\n" { index += 1 }
        guard take(">") else { throw fail("a '>' is missing") }
        return .control(text(start..<index))
    }

    /// Parses one character of a literal or a set; it may be escaped.
    private mutating func character() throws(GrammarTextError) -> Unicode.Scalar {
        guard let scalar = next else { throw fail("the text ends too early") }
        index += 1
        guard scalar == "\\" else { return scalar }
        guard let escaped = next else { throw fail("the text ends too early") }
        index += 1
        switch escaped {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "x": return try hexadecimal(2)
        case "u": return try hexadecimal(4)
        case "U": return try hexadecimal(8)
        case "\\", "\"", "[", "]", "-", "^", "/": return escaped
        default: throw fail("'\\\(escaped)' is not known")
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(GrammarTextError) -> Unicode.Scalar {
        let end = min(index + digits, scalars.count)
        guard end - index == digits, let value = UInt32(text(index..<end), radix: 16), let scalar = Unicode.Scalar(value) else {
            throw fail("an escape is not a valid character")
        }
        index = end
        return scalar
    }

    // MARK: Repetitions

    private mutating func repeated(_ element: Grammar.Expression) throws(GrammarTextError) -> Grammar.Expression {
        var result = element
        var suffixes = 0
        while let scalar = next {
            if "*+?{".unicodeScalars.contains(scalar) {
                suffixes += 1
                if suffixes > Self.maximumSuffixes { throw fail("more than \(Self.maximumSuffixes) repetitions follow each other") }
            }
            switch scalar {
            case "*": result = .repeated(result, least: 0, most: nil)
            case "+": result = .repeated(result, least: 1, most: nil)
            case "?": result = .repeated(result, least: 0, most: 1)
            case "{":
                result = try counted(result)
                continue
            default: return result
            }
            index += 1
        }
        return result
    }

    private mutating func counted(_ element: Grammar.Expression) throws(GrammarTextError) -> Grammar.Expression {
        index += 1
        skipSpace()
        let least = try number() ?? 0
        skipSpace()
        var most: Int? = least
        if take(",") {
            skipSpace()
            most = try number()
            skipSpace()
        }
        guard take("}") else { throw fail("a '}' is missing") }
        if let most, most < least { throw fail("the max of a repetition is less than its min") }
        return .repeated(element, least: least, most: most)
    }

    mutating func number() throws(GrammarTextError) -> Int? {
        let start = index
        while let scalar = next, ScalarSet.digits.contains(scalar.value) { index += 1 }
        if index == start { return nil }
        guard let number = Int(text(start..<index)), number <= Self.maximumRepetitions else {
            throw fail("more than \(Self.maximumRepetitions) repetitions")
        }
        return number
    }
}

extension Grammar {
    /// Throws `GrammarTextError` when the grammar lacks its root or a rule that it refers to.
    func checkReferences() throws(GrammarTextError) {
        if rules[root] == nil { throw GrammarTextError("there is no rule '\(root)'") }
        for (_, body) in rules {
            if let name = body.ruleNames.first(where: { rules[$0] == nil }) { throw GrammarTextError("there is no rule '\(name)'") }
        }
    }
}

extension Grammar.Expression {
    /// The names of the rules that the expression refers to.
    var ruleNames: [String] {
        switch self {
        case .rule(let name): [name]
        case .sequence(let parts), .choice(let parts): parts.flatMap(\.ruleNames)
        case .repeated(let body, _, _): body.ruleNames
        case .automaton(let counted): counted.exits.compactMap(\.self)
        case .unordered(let members): members.rules
        case .literal, .set, .control: []
        }
    }
}
