import ShimmyCore

/// The prompt of a request with a template of its own, in the language of Ollama's templates, which is Go's `text/template`.
///
/// A template may contain `.System`, `.Prompt`, `.Response` and `.Suffix`, the actions `if`, `else`, `else if` and `end` with one of these names,
/// comments, and marks that remove white space (`{{-` and `-}}`). The prompt ends where the response begins.
struct OllamaPromptTemplate {
    /// The texts of the request.
    struct Values {
        var system: String
        var prompt: String
        var suffix: String
    }

    private struct Branch {
        /// Whether the prompt contains the text of this branch.
        var isActive: Bool
        /// Whether this branch or an earlier one of the same condition is active.
        var wasActive: Bool
        var isElse = false
    }

    private static let dash = UInt8(ascii: "-")
    /// The max bytes of the prompt. A template can repeat the texts of the request.
    private static let longest = InputLimits.standard.bodyBytes

    private let values: Values
    private var output: [UInt8] = []
    /// The open conditions, outermost first.
    private var branches: [Branch] = []
    /// The number of open conditions whose current branch is not active.
    private var inactive = 0
    /// Whether the response has begun.
    private var isOver = false

    /// Returns the prompt. Throws a 400 for a template that this server cannot apply.
    static func prompt(_ template: String, _ values: Values) throws(APIError) -> String {
        var renderer = OllamaPromptTemplate(values)
        try renderer.run(Array(template.utf8))
        return String(decoding: renderer.output, as: UTF8.self)
    }

    private init(_ values: Values) { self.values = values }

    private mutating func run(_ text: [UInt8]) throws(APIError) {
        if Self.index(of: UInt8(ascii: "{"), UInt8(ascii: "%"), in: text[...]) != nil {
            throw Self.invalid("it is in Jinja, and a request can use only Ollama's language. POST /api/create accepts templates in Jinja")
        }
        var rest = text[...]
        // Whether the last action removes the white space after it.
        var trims = false
        while let open = Self.index(of: UInt8(ascii: "{"), UInt8(ascii: "{"), in: rest) {
            guard let close = Self.index(of: UInt8(ascii: "}"), UInt8(ascii: "}"), in: rest[(open + 2)...]) else {
                throw Self.invalid("an action has no end: '}}' is missing")
            }
            var (literal, action) = (rest[..<open], rest[(open + 2)..<close])
            if trims { literal = literal.drop(while: Self.isSpace) }
            if action.first == Self.dash, action.dropFirst().first.map(Self.isSpace) == true {
                action = action.dropFirst()
                literal = Self.trimmedEnd(literal)
            }
            trims = action.last == Self.dash && action.dropLast().last.map(Self.isSpace) == true
            if trims { action = action.dropLast() }
            try write(literal)
            try apply(String(decoding: Self.trimmedEnd(action.drop(while: Self.isSpace)), as: UTF8.self))
            rest = rest[(close + 2)...]
        }
        try write(trims ? rest.drop(while: Self.isSpace) : rest)
        if !branches.isEmpty { throw Self.invalid("an 'if' has no 'end'") }
    }

    private mutating func write(_ bytes: ArraySlice<UInt8>) throws(APIError) {
        guard inactive == 0, !isOver else { return }
        guard bytes.count <= Self.longest - output.count else {
            throw Self.invalid("the prompt that it makes has more than \(Self.longest) bytes")
        }
        output += bytes
    }

    // MARK: Actions

    private mutating func apply(_ action: String) throws(APIError) {
        if action.hasPrefix("/*"), action.hasSuffix("*/") { return }
        let words = action.split(whereSeparator: \.isWhitespace).map { String($0) }
        let isElseIf = words.count == 3 && words[0] == "else" && words[1] == "if"
        switch (words.first ?? "", words.count) {
        case ("if", 2):
            let isActive = try !value(words[1], of: action).isEmpty
            branches.append(Branch(isActive: isActive, wasActive: isActive))
            inactive += isActive ? 0 : 1
        case ("else", 1): try enterElse(true, isLast: true)
        case ("else", 3) where isElseIf:
            let isActive = try !value(words[2], of: action).isEmpty
            try enterElse(isActive, isLast: false)
        case ("end", 1):
            guard let branch = branches.popLast() else { throw Self.invalid("an 'end' has no 'if'") }
            inactive -= branch.isActive ? 0 : 1
        case (let name, 1):
            try write(Array(try value(name, of: action).utf8)[...])
            if name == ".Response", inactive == 0 { isOver = true }
        default: throw Self.unsupported(action)
        }
    }

    /// Enters the next branch of the innermost condition.
    /// - isTrue: whether the branch's own condition is true.
    /// - isLast: whether no further branch may follow.
    private mutating func enterElse(_ isTrue: Bool, isLast: Bool) throws(APIError) {
        guard var branch = branches.popLast(), !branch.isElse else { throw Self.invalid("an 'else' has no 'if'") }
        inactive -= branch.isActive ? 0 : 1
        branch.isActive = isTrue && !branch.wasActive
        branch.wasActive = branch.wasActive || branch.isActive
        branch.isElse = isLast
        inactive += branch.isActive ? 0 : 1
        branches.append(branch)
    }

    private func value(_ name: String, of action: String) throws(APIError) -> String {
        switch name {
        case ".System": return values.system
        case ".Prompt": return values.prompt
        case ".Suffix": return values.suffix
        case ".Response": return ""
        default: throw Self.unsupported(action)
        }
    }

    // MARK: Errors

    private static func unsupported(_ action: String) -> APIError {
        invalid(
            "'{{ \(action.prefix(60)) }}' is not supported. It can use .System, .Prompt, .Response and .Suffix, with 'if', 'else' and 'end'")
    }

    private static func invalid(_ reason: String) -> APIError {
        APIError(status: 400, message: "Invalid 'template': \(reason).", param: "template", code: "invalid_value")
    }

    // MARK: Bytes

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func trimmedEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        bytes[..<((bytes.lastIndex { !isSpace($0) }).map { $0 + 1 } ?? bytes.startIndex)]
    }

    /// Returns the index of the first of two adjacent bytes; nil if they do not occur.
    private static func index(of first: UInt8, _ second: UInt8, in bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        while index + 1 < bytes.endIndex {
            if bytes[index] == first, bytes[index + 1] == second { return index }
            index += 1
        }
        return nil
    }
}
