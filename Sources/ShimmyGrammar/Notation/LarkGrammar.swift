/// A grammar in Lark's notation, as clients send it for custom tools, translated into rules in llama.cpp's notation (GBNF).
///
/// Supported are rules and terminals, strings, regular expressions, ranges, groups, `[…]`, `*`, `+`, `?`, `~`, aliases, priorities, `%ignore` and
/// `%import common.…`. Rule templates, `%declare` and everything else are errors. Rules may recurse, but not to the left.
package struct LarkGrammar: Sendable, Equatable {
    /// The rules in GBNF. The rule that matches the whole text comes first.
    package let rules: String
    /// The name of the rule that matches the whole text.
    package let root: String

    /// - prefix: the prefix of all rule names: letters, digits and dashes.
    package init(
        _ text: String, prefix: String, in context: GrammarContext, budget: GrammarBudget = GrammarBudget()
    ) throws(GrammarTextError) {
        try budget.check(text: text)
        var parser = LarkParser(text, prefix: prefix, context: context, budget: budget)
        let lines = try parser.parse()
        root = prefix + "root"
        rules = lines.joined(separator: "\n") + "\n"
    }
}

/// A parser with one character of lookahead, except before a name, where it searches for the ':' of the next definition.
private struct LarkParser {
    private static let maximumDepth = 64

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private let prefix: String
    private let context: GrammarContext
    private let writer: GrammarWriter
    private let budget: GrammarBudget
    private var definitions: [(name: String, body: String)] = []
    private var names: Set<String> = []
    private var references: Set<String> = []
    private var ignored: [String] = []
    private var ignores = false
    /// Whether the parser is inside a terminal, where `%ignore` does not apply.
    private var isTerminal = false

    init(_ text: String, prefix: String, context: GrammarContext, budget: GrammarBudget) {
        self.budget = budget
        scalars = Array(text.unicodeScalars)
        self.prefix = prefix
        self.context = context
        writer = GrammarWriter(context: context)
        ignores = text.contains("%ignore")
    }

    mutating func parse() throws(GrammarTextError) -> [String] {
        skipSpace()
        while index < scalars.count {
            if scalars[index] == "%" { try directive() } else { try definition() }
            skipSpace()
        }
        guard names.contains("start") else { throw GrammarTextError("there is no rule 'start'") }
        for name in references.subtracting(names).sorted() {
            guard let terminal = Self.common[name] else { throw GrammarTextError("there is no rule '\(name)'") }
            definitions.append((name, try RegexGrammar.expression(terminal, in: context)))
        }
        var lines = ["\(prefix)root ::= " + (ignores ? "\(prefix)ignored " : "") + rule("start")]
        if ignores { lines.append("\(prefix)ignored ::= (" + ignored.joined(separator: " | ") + ")*") }
        return lines + definitions.map { "\(rule($0.name)) ::= \($0.body)" }
    }

    /// Returns the GBNF name of a rule. GBNF does not allow underscores in names.
    private func rule(_ name: String) -> String { prefix + "r-" + name.replacingUnderscores }

    // MARK: Definitions

    private mutating func definition() throws(GrammarTextError) {
        while let scalar = next, "?!".unicodeScalars.contains(scalar) { index += 1 }
        guard let name = takeName() else { throw GrammarTextError("a rule's name is missing at '\(excerpt)'") }
        skipPriority()
        skipBlanks()
        guard take(":") else { throw GrammarTextError("a ':' is missing after '\(name)'") }
        guard names.insert(name).inserted else { throw GrammarTextError("the rule '\(name)' is defined twice") }
        try budget.check()
        isTerminal = name.first { $0 != "_" }?.isUppercase ?? false
        definitions.append((name, try alternatives()))
    }

    private mutating func directive() throws(GrammarTextError) {
        index += 1
        guard let word = takeName() else { throw GrammarTextError("a directive's name is missing") }
        skipBlanks()
        switch word {
        case "ignore":
            isTerminal = true
            ignored.append(try alternatives())
        case "import":
            guard takeName() == "common" else { throw GrammarTextError("only terminals of 'common' can be imported") }
            skipBlanks()
            if take("(") {
                skipSpace()
                while let name = takeName() {
                    try imported(name, as: name)
                    skipSpace()
                    _ = take(",")
                    skipSpace()
                }
                guard take(")") else { throw GrammarTextError("a ')' is missing") }
            } else {
                guard take("."), let name = takeName() else { throw GrammarTextError("an imported name is missing") }
                skipBlanks()
                var alias = name
                if take("-"), take(">") {
                    skipBlanks()
                    alias = takeName() ?? name
                }
                try imported(name, as: alias)
            }
        default: throw GrammarTextError("the directive '%\(word)' is not supported")
        }
    }

    private mutating func imported(_ name: String, as alias: String) throws(GrammarTextError) {
        guard let terminal = Self.common[name] else { throw GrammarTextError("'common' has no '\(name)'") }
        names.insert(alias)
        definitions.append((alias, try RegexGrammar.expression(terminal, in: context)))
    }

    /// Lark's library of common terminals, as regular expressions.
    private static let common = [
        "DIGIT": "[0-9]", "HEXDIGIT": "[0-9a-fA-F]", "INT": "[0-9]+", "SIGNED_INT": "[+-]?[0-9]+", "DECIMAL": #"([0-9]+\.[0-9]*|\.[0-9]+)"#,
        "FLOAT": #"([0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)"#,
        "SIGNED_FLOAT": #"[+-]?([0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)"#,
        "NUMBER": #"([0-9]+|[0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)"#,
        "SIGNED_NUMBER": #"[+-]?([0-9]+|[0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)"#,
        "ESCAPED_STRING": #""([^"\\\n]|\\[^\n])*""#, "LCASE_LETTER": "[a-z]", "UCASE_LETTER": "[A-Z]", "LETTER": "[a-zA-Z]", "WORD": "[a-zA-Z]+",
        "CNAME": "[_a-zA-Z][_a-zA-Z0-9]*", "WS_INLINE": #"[ \t]+"#, "WS": #"[ \t\f\r\n]+"#, "CR": #"\r"#, "LF": #"\n"#, "NEWLINE": #"(\r?\n)+"#,
    ]

    // MARK: Expressions

    private mutating func alternatives() throws(GrammarTextError) -> String {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw GrammarTextError("groups are nested deeper than \(Self.maximumDepth)") }
        var parts = [try sequence()]
        while true {
            let before = index
            skipSpace()
            guard take("|") else {
                index = before
                break
            }
            parts.append(try sequence())
        }
        return parts.joined(separator: " | ")
    }

    private mutating func sequence() throws(GrammarTextError) -> String {
        var parts: [String] = []
        while true {
            skipSpace()
            guard let scalar = next, !"|)]%".unicodeScalars.contains(scalar), !startsDefinition else { break }
            if scalar == "-" {
                try alias()
                break
            }
            parts.append(try repeated(try atom()))
        }
        return parts.isEmpty ? "\"\"" : parts.joined(separator: " ")
    }

    /// Skips `-> name`, which names a node of the parse tree and matches no text.
    private mutating func alias() throws(GrammarTextError) {
        guard take("-"), take(">") else { throw GrammarTextError("'\(excerpt)' is unexpected") }
        skipBlanks()
        guard takeName() != nil else { throw GrammarTextError("an alias is missing") }
    }

    private mutating func repeated(_ atom: String) throws(GrammarTextError) -> String {
        skipBlanks()
        guard let scalar = next else { return atom }
        if "*+?".unicodeScalars.contains(scalar), !(scalar == "?" && startsDefinition) {
            index += 1
            return "(\(atom))\(scalar)"
        }
        guard take("~") else { return atom }
        skipBlanks()
        guard let least = takeNumber() else { throw GrammarTextError("a number is missing after '~'") }
        skipBlanks()
        var most = least
        if take(".") {
            guard take("."), let number = takeNumber(), number >= least else { throw GrammarTextError("a range of repetitions is not valid") }
            most = number
        }
        return "(\(atom)){\(least),\(most)}"
    }

    private mutating func atom() throws(GrammarTextError) -> String {
        let scalar = scalars[index]
        switch scalar {
        case "(", "[":
            index += 1
            let inside = try alternatives()
            skipSpace()
            guard take(scalar == "(" ? ")" : "]") else { throw GrammarTextError("a '\(scalar == "(" ? ")" : "]")' is missing") }
            return scalar == "(" ? "(\(inside))" : "(\(inside))?"
        case "\"": return try literal()
        case "/": return try regex()
        default:
            guard let name = takeName() else { throw GrammarTextError("'\(excerpt)' is unexpected") }
            references.insert(name)
            let isTerminal = name.first { $0 != "_" }?.isUppercase ?? false
            return isTerminal ? leaf(rule(name)) : rule(name)
        }
    }

    /// Returns a terminal in a rule, followed by the ignored text.
    private func leaf(_ text: String) -> String { ignores && !isTerminal ? "(\(text) \(prefix)ignored)" : text }

    private mutating func literal() throws(GrammarTextError) -> String {
        let first = try quoted()
        if next == ".", index + 1 < scalars.count, scalars[index + 1] == "." {
            index += 2
            let last = try quoted()
            guard let low = first.unicodeScalars.only, let high = last.unicodeScalars.only, low <= high else {
                throw GrammarTextError("a range must go from one character to a later one")
            }
            return leaf(writer.set(ScalarSet([low...high])))
        }
        return leaf(writer.literal(first, ignoringCase: take("i")))
    }

    private mutating func quoted() throws(GrammarTextError) -> String {
        guard take("\"") else { throw GrammarTextError("a string is missing") }
        var text = String.UnicodeScalarView()
        while let scalar = next, scalar != "\"" {
            index += 1
            guard scalar == "\\", let escaped = next else {
                text.append(scalar)
                continue
            }
            index += 1
            switch escaped {
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "t": text.append("\t")
            case "\\", "\"", "/": text.append(escaped)
            default: throw GrammarTextError("the escape '\\\(escaped)' is not supported")
            }
        }
        guard take("\"") else { throw GrammarTextError("a '\"' is missing") }
        return String(text)
    }

    private mutating func regex() throws(GrammarTextError) -> String {
        index += 1
        var pattern = String.UnicodeScalarView()
        while let scalar = next, scalar != "/" {
            index += 1
            if scalar == "\\", next == "/" {
                index += 1
                pattern.append("/")
                continue
            }
            pattern.append(scalar)
            if scalar == "\\", let escaped = next {
                index += 1
                pattern.append(escaped)
            }
        }
        guard take("/") else { throw GrammarTextError("a '/' is missing") }
        var flags = ""
        while let scalar = next, "imslux".unicodeScalars.contains(scalar) {
            index += 1
            flags.unicodeScalars.append(scalar)
        }
        return leaf("(" + (try RegexGrammar.expression(String(pattern), flags: flags, in: context)) + ")")
    }

    // MARK: Characters

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }
    private var excerpt: String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[index..<min(index + 20, scalars.count)])
        return String(text)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool { ScalarSet.word.contains(scalar.value) }

    private mutating func takeName() -> String? {
        var text = String.UnicodeScalarView()
        while let scalar = next, Self.isNamePart(scalar) {
            text.append(scalar)
            index += 1
        }
        return text.isEmpty ? nil : String(text)
    }

    private mutating func takeNumber() -> Int? {
        let text = takeName() ?? ""
        return Int(text).flatMap { $0 <= 1000 ? $0 : nil }
    }

    private mutating func skipPriority() {
        guard next == "." else { return }
        index += 1
        _ = takeName()
    }

    /// Whether the next definition begins here: a name and a ':'.
    private var startsDefinition: Bool {
        var copy = self
        while let scalar = copy.next, "?!".unicodeScalars.contains(scalar) { copy.index += 1 }
        guard copy.takeName() != nil else { return false }
        copy.skipPriority()
        copy.skipBlanks()
        return copy.next == ":"
    }

    private mutating func skipBlanks() {
        while let scalar = next, scalar == " " || scalar == "\t" { index += 1 }
    }

    /// Skips blanks, newlines and comments.
    private mutating func skipSpace() {
        while let scalar = next {
            let isComment = scalar == "#" || (scalar == "/" && index + 1 < scalars.count && scalars[index + 1] == "/")
            if isComment {
                while let other = next, other != "\n" { index += 1 }
            } else if ScalarSet.space.contains(scalar.value) {
                index += 1
            } else {
                return
            }
        }
    }
}

extension String {
    fileprivate var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}

extension String.UnicodeScalarView {
    /// The value of the only scalar; nil unless the text has exactly one.
    fileprivate var only: UInt32? { count == 1 ? first?.value : nil }
}
