/// The names under which the model sees the tools of Ollama's API, which allows any name, such as `fs.read`.
///
/// Grammars and many templates take only letters, digits, underscores and hyphens. A name of only these stays as it is. In any other name, an underscore
/// replaces each other character, and the client gets its own name back in a call.
package struct OllamaToolNames: Sendable, Equatable {
    /// The max number of characters of a name for the model.
    static let longest = 128
    /// The max number of characters before the number that distinguishes two names.
    private static let longestStem = 100

    private var modelNames: [String: String] = [:]
    private var clientNames: [String: String] = [:]
    private var taken: Set<String>
    /// The last number of each stem, so that many equal stems take linear time.
    private var numbers: [String: Int] = [:]

    /// - names: the names of all tools of the request.
    init(_ names: [String] = []) {
        taken = Set(names.filter(Self.isPlain))
        for name in names { _ = forModel(name) }
    }

    /// Returns the model's name of a tool of the request or of an earlier call.
    mutating func forModel(_ name: String) -> String {
        if name.isEmpty || Self.isPlain(name) { return name }
        if let known = modelNames[name] { return known }
        let stem = String(decoding: name.unicodeScalars.map { Self.isPlain($0) ? UInt8($0.value) : UInt8(ascii: "_") }, as: UTF8.self)
        var made = stem
        if stem.utf8.count > Self.longest { made = String(stem.prefix(Self.longestStem)) }
        while !taken.insert(made).inserted {
            let short = String(stem.prefix(Self.longestStem))
            let number = numbers[short, default: 1] + 1
            numbers[short] = number
            made = "\(short)_\(number)"
        }
        modelNames[name] = made
        clientNames[made] = name
        return made
    }

    /// Returns the client's name of a tool that the model calls.
    func forClient(_ name: String) -> String { clientNames[name] ?? name }

    private static func isPlain(_ name: String) -> Bool { name.utf8.count <= longest && name.unicodeScalars.allSatisfy(isPlain) }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }
}
