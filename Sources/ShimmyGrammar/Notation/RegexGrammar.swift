/// A translator of regular expressions into grammar expressions. The expression must match the whole text.
///
/// Sets, groups, alternatives and repetitions are supported. Anchors are allowed at the ends, where they have no effect. Backreferences, lookaround
/// and word boundaries are errors, because a grammar cannot express them.
package struct RegexGrammar {
    /// The max nesting depth of groups.
    private static let maximumDepth = 64
    private static let maximumRepetitions = 65_536

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private let writer: GrammarWriter
    // A group can change the flags for its inside.
    private var ignoresCase: Bool
    private var dotTakesNewlines: Bool

    /// - flags: `i` ignores the case of letters, `s` lets `.` match newlines, `u` has no effect; other flags are errors.
    package static func expression(
        _ pattern: String, flags: String = "", in context: GrammarContext, budget: GrammarBudget = GrammarBudget()
    ) throws(GrammarTextError) -> String {
        try budget.check(text: pattern)
        if let other = flags.first(where: { !"isu".contains($0) }) { throw GrammarTextError("the flag '\(other)' is not supported") }
        var parser = RegexGrammar(pattern, flags, context)
        let result = try parser.alternatives()
        if parser.index < parser.scalars.count { throw GrammarTextError("there is one ')' too many", isMalformed: true) }
        return result
    }

    private init(_ pattern: String, _ flags: String, _ context: GrammarContext) {
        var scalars = Array(pattern.unicodeScalars)
        if scalars.first == "^" { scalars.removeFirst() }
        if scalars.last == "$", scalars.dropLast().reversed().prefix(while: { $0 == "\\" }).count.isMultiple(of: 2) { scalars.removeLast() }
        self.scalars = scalars
        writer = GrammarWriter(context: context)
        ignoresCase = flags.contains("i")
        dotTakesNewlines = flags.contains("s")
    }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    // MARK: Structure

    private mutating func alternatives() throws(GrammarTextError) -> String {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw GrammarTextError("groups are nested deeper than \(Self.maximumDepth)") }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : "(" + parts.joined(separator: " | ") + ")"
    }

    private mutating func sequence() throws(GrammarTextError) -> String {
        var parts: [String] = []
        while let scalar = next, scalar != "|", scalar != ")" { parts.append(try repeated(try atom())) }
        return parts.isEmpty ? "\"\"" : parts.joined(separator: " ")
    }

    private mutating func repeated(_ atom: String) throws(GrammarTextError) -> String {
        guard let scalar = next else { return atom }
        var suffix = ""
        switch scalar {
        case "*", "+", "?":
            index += 1
            suffix = String(Character(scalar))
        case "{":
            guard let bounds = try repetition() else { return atom }
            suffix = bounds
        default: return atom
        }
        // A grammar allows any number of repetitions that fits, so a lazy quantifier is equivalent to a greedy one.
        _ = take("?")
        if let after = next, "*+{".unicodeScalars.contains(after) {
            // `a++` is a possessive quantifier and `a{2}{3}` a nested one in some dialects.
            throw GrammarTextError("a repetition follows another repetition", isMalformed: after == "*")
        }
        return "(\(atom))\(suffix)"
    }

    /// Parses `{2}`, `{2,}` or `{2,5}`; returns nil when the brace is a literal character.
    private mutating func repetition() throws(GrammarTextError) -> String? {
        // 24 characters fit two numbers and a comma.
        guard let end = scalars[index...].prefix(24).firstIndex(of: "}") else { return nil }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[(index + 1)..<end])
        let parts = String(text).split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let least = Int(parts[0]), parts.count == 1 || parts[1].isEmpty || Int(parts[1]) != nil else {
            return nil
        }
        index = end + 1
        let most = parts.count == 1 ? least : Int(parts[1])
        if max(least, most ?? 0) > Self.maximumRepetitions { throw GrammarTextError("more than \(Self.maximumRepetitions) repetitions") }
        if let most, most < least { throw GrammarTextError("the max of a repetition is less than its min", isMalformed: true) }
        return parts.count == 1 ? "{\(least)}" : "{\(least),\(most.map { "\($0)" } ?? "")}"
    }

    // MARK: Atoms

    private mutating func atom() throws(GrammarTextError) -> String {
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "(": return try group()
        case "[": return set(try characterClass())
        case ".": return set(dotTakesNewlines ? .all : ScalarSet.newline.inverted)
        case "\\": return set(try escape())
        case "^", "$": throw GrammarTextError("'\(scalar)' is supported only at the start or end of the pattern")
        case "*", "+", "?": throw GrammarTextError("there is nothing to repeat before '\(scalar)'", isMalformed: true)
        default: return ignoresCase ? set(ScalarSet(scalar)) : writer.literal(String(Character(scalar)))
        }
    }

    private func set(_ set: ScalarSet) -> String { writer.set(ignoresCase ? set.ignoringCase : set) }

    private mutating func group() throws(GrammarTextError) -> String {
        let outer = (ignoresCase, dotTakesNewlines)
        defer { (ignoresCase, dotTakesNewlines) = outer }
        if take("?") {
            // (?:…), (?i:…), (?<name>…) and (?P<name>…) are groups; other groups with '?' are lookaround or change the flags of what follows.
            if let changed = groupFlags() {
                (ignoresCase, dotTakesNewlines) = changed
            } else {
                _ = take("P")
                guard take("<"), next != "=", next != "!", let end = scalars[index...].firstIndex(of: ">") else {
                    throw GrammarTextError("lookaround groups and groups that change flags are not supported")
                }
                if end == index { throw GrammarTextError("a group's name is empty", isMalformed: true) }
                index = end + 1
            }
        }
        let inside = try alternatives()
        guard take(")") else { throw GrammarTextError("a ')' is missing", isMalformed: true) }
        return "(\(inside))"
    }

    /// Parses the flags of a group up to the colon, such as `i:`, and returns the flags inside the group; nil for another kind of group.
    private mutating func groupFlags() -> (ignoresCase: Bool, dotTakesNewlines: Bool)? {
        var result = (ignoresCase: ignoresCase, dotTakesNewlines: dotTakesNewlines)
        var isSet = true
        for place in index..<min(index + 8, scalars.count) {
            switch scalars[place] {
            case "i": result.ignoresCase = isSet
            case "s": result.dotTakesNewlines = isSet
            case "-" where isSet: isSet = false
            case ":":
                index = place + 1
                return result
            default: return nil
            }
        }
        return nil
    }

    /// Parses the characters after a backslash and returns the set that the escape stands for.
    private mutating func escape() throws(GrammarTextError) -> ScalarSet {
        guard let scalar = next else { throw GrammarTextError("there is nothing after the last backslash", isMalformed: true) }
        index += 1
        switch scalar {
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "s": return .space
        case "S": return ScalarSet.space.inverted
        case "n": return .newline
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "f": return ScalarSet("\u{C}")
        case "v": return ScalarSet("\u{B}")
        case "x": return ScalarSet(try Self.character(try hexadecimal(2)))
        case "u": return ScalarSet(try Self.character(try unicodeEscape()))
        default:
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
            if isLetter { throw GrammarTextError("the escape '\\\(scalar)' is not supported") }
            return ScalarSet(scalar)
        }
    }

    /// Parses the rest of `\u0041`, of `\u{1F600}`, or of the two escapes of a surrogate pair.
    private mutating func unicodeEscape() throws(GrammarTextError) -> UInt32 {
        if take("{") {
            let digits = scalars[index...].prefix(6).prefix { $0 != "}" }.count
            let value = try hexadecimal(digits)
            guard take("}") else { throw Self.notACharacter }
            return value
        }
        let high = try hexadecimal(4)
        guard 0xD800..<0xDC00 ~= high, take("\\"), take("u") else { return high }
        let low = try hexadecimal(4)
        return 0xDC00..<0xE000 ~= low ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : high
    }

    private mutating func hexadecimal(_ digits: Int) throws(GrammarTextError) -> UInt32 {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[index..<min(index + digits, scalars.count)])
        guard text.count == digits, text.allSatisfy(\.properties.isASCIIHexDigit), let value = UInt32(String(text), radix: 16) else {
            throw Self.notACharacter
        }
        index += digits
        return value
    }

    private static func character(_ value: UInt32) throws(GrammarTextError) -> Unicode.Scalar {
        guard let scalar = Unicode.Scalar(value) else { throw notACharacter }
        return scalar
    }

    private static var notACharacter: GrammarTextError { GrammarTextError("an escape is not a valid character") }

    /// Parses the rest of `[…]`.
    private mutating func characterClass() throws(GrammarTextError) -> ScalarSet {
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        // ECMA-262 ends an empty set here; other dialects, and this parser, take the bracket for a character.
        let beginsWithBracket = next == "]"
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            let low = try classMember()
            // A '-' between two characters is a range; elsewhere it is a literal character.
            if next == "-", index + 1 < scalars.count, scalars[index + 1] != "]", let first = low.only {
                index += 1
                guard let last = try classMember().only else { throw GrammarTextError("the end of a range is not a character") }
                guard first <= last else { throw GrammarTextError("the end of a range is before its start", isMalformed: true) }
                ranges.append(first...last)
            } else {
                ranges += low.ranges
            }
        }
        guard take("]") else { throw GrammarTextError("a ']' is missing", isMalformed: !beginsWithBracket) }
        let result = ScalarSet(ranges)
        return isInverted ? (ignoresCase ? result.ignoringCase : result).inverted : result
    }

    private mutating func classMember() throws(GrammarTextError) -> ScalarSet {
        let scalar = scalars[index]
        index += 1
        if scalar == "\\" {
            if next == "b" {
                index += 1
                return ScalarSet("\u{8}")
            }
            return try escape()
        }
        return ScalarSet(scalar)
    }
}

extension ScalarSet {
    /// The only member; nil unless the set has exactly one.
    fileprivate var only: UInt32? { ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil }
}
