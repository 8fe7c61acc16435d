/// Recognizes Ollama's own chat templates, which are in the language of Go's templates instead of Jinja.
enum OllamaTemplate {
    /// Words with which an action of Go's templates can begin, and no expression of Jinja.
    private static let words = ["if", "else", "end", "range", "with", "template", "define", "block", "eq", "ne", "and", "or", "len", "json", "slice"]
    private static let longestWord = 8

    /// Returns whether a text is a template in Go's language: it has no statements of Jinja, and one of its actions cannot be an expression of Jinja.
    static func isGo(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var hasAction = false
        var index = 0
        while index + 1 < bytes.count {
            guard bytes[index] == UInt8(ascii: "{") else {
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "%") { return false }
            if bytes[index + 1] == UInt8(ascii: "{") { hasAction = hasAction || isAction(bytes[(index + 2)...]) }
            index += 2
        }
        return hasAction
    }

    /// - bytes: the text after two opening braces.
    private static func isAction(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        while let byte = rest.first, byte == 0x20 || byte == 0x0A { rest = rest.dropFirst() }
        switch rest.first {
        case UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "/"): return true
        default: break
        }
        let letters = rest.prefix(longestWord + 1).prefix { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
        guard words.contains(String(decoding: letters, as: UTF8.self)) else { return false }
        // A function or a keyword is followed by its argument, or by the end of the action.
        let next = rest.dropFirst(letters.count).first
        return next == 0x20 || next == UInt8(ascii: "}") || next == UInt8(ascii: "-")
    }
}
