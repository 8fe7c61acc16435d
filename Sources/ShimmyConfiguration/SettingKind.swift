import ShimmyCore
package import ShimmyJSON

/// The type of a setting's value, and its form in the environment.
package enum SettingKind: Sendable, Equatable {
    case text
    /// A file or a folder. `~` is expanded, and relative paths start at the configuration file's folder.
    case path
    case flag
    case integer(ClosedRange<Int>)
    /// A number from 0 to 1.
    case fraction
    /// A port from 1 to 65535, or `"auto"`.
    case port
    /// A size in bytes: a number, or a text such as `"4G"`.
    case size
    /// A duration: a number of seconds, negative for ever, or a text such as `"5m"`.
    case time
    case choice([String])
    /// A list of texts; the environment separates them by commas.
    case list
    case pathList

    package var isList: Bool { self == .list || self == .pathList }

    /// The expected value, for the error message about a value of another kind.
    package var expectation: String {
        switch self {
        case .text: "a string"
        case .path: "a string with a path"
        case .flag: "true or false"
        case .integer(let range) where range.upperBound == .max: "an integer of at least \(range.lowerBound)"
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .fraction: "a number from 0 to 1"
        case .port: "a port from 1 to 65535, or \"auto\""
        case .size: "a size: bytes, or a string such as \"500M\" or \"4G\""
        case .time: "a duration: seconds, a string such as \"5m\" or \"2h\", or -1 for ever"
        case .choice(let words): "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .list: "a list of strings that are not empty and have no commas"
        case .pathList: "a list of strings with paths"
        }
    }

    /// Returns the value in the form of the environment; nil if it is of another kind or out of range.
    func text(_ value: JSON, paths: PathBase) -> String? {
        switch self {
        case .text: return value.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        case .path: return value.stringValue.flatMap { $0.isEmpty ? nil : paths.whole($0) }
        case .flag: return value.boolValue.map { $0 ? "true" : "false" }
        case .integer(let range): return value.integer.flatMap { range.contains($0) ? "\($0)" : nil }
        case .fraction: return value.doubleValue.flatMap { (0...1).contains($0) ? "\($0)" : nil }
        case .port: return value.stringValue == "auto" ? "auto" : value.integer.flatMap { (1...65535).contains($0) ? "\($0)" : nil }
        case .size:
            if let text = value.stringValue { return ByteSize.bytes(text) == nil ? nil : text }
            return value.integer.flatMap { $0 > 0 ? "\($0)" : nil }
        case .time:
            if let text = value.stringValue { return KeepAlive(text) == nil ? nil : text }
            return value.doubleValue.map { "\($0)" }
        case .choice(let words): return value.stringValue.flatMap { words.contains($0) ? $0 : nil }
        case .list: return Self.texts(value)?.joined(separator: ",")
        case .pathList: return Self.texts(value)?.map(paths.whole).joined(separator: ",")
        }
    }

    /// Returns whether an environment variable may have this text.
    package func accepts(_ text: String) -> Bool {
        switch self {
        case .text, .path, .pathList: !text.isEmpty
        case .list: text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { !$0.allSatisfy(\.isWhitespace) }
        case .flag: ["1", "true", "yes", "on", "0", "false", "no", "off"].contains(text.lowercased())
        case .integer(let range): Int(text).map(range.contains) ?? false
        case .fraction: Double(text).map { (0...1).contains($0) } ?? false
        case .port: text == "auto" || Int(text).map((1...65535).contains) ?? false
        case .size: ByteSize.bytes(text) != nil
        case .time: KeepAlive(text) != nil
        case .choice(let words): words.contains(text)
        }
    }

    /// Returns the value for a text in the form of the environment, as the file would contain it.
    package func json(_ text: String) -> JSON {
        switch self {
        case .text, .path, .choice, .size, .time: .string(text)
        case .flag: .bool(["1", "true", "yes", "on"].contains(text.lowercased()))
        case .fraction: Double(text).map(JSON.double) ?? .string(text)
        case .integer, .port: Int(text).map(JSON.int) ?? .string(text)
        case .list, .pathList: .array(text.split(separator: ",").map { .string(String($0)) })
        }
    }

    private static func texts(_ value: JSON) -> [String]? {
        // A text is a list of one.
        guard let elements = value.arrayValue ?? (value.stringValue == nil ? nil : [value]) else { return nil }
        let texts = elements.compactMap(\.stringValue).filter { !$0.isEmpty && !$0.contains(",") }
        return texts.count == elements.count ? texts : nil
    }
}

extension JSON {
    /// The value of a number that was written as an integer; nil for others. TOML distinguishes `1` and `1.0`, and so do its readers.
    fileprivate var integer: Int? {
        guard case .number(let number) = self else { return nil }
        return Int(number.literal)
    }
}

/// The base of relative paths in a file.
package struct PathBase: Sendable {
    package let folder: String
    package let home: String

    package init(folder: String, home: String) {
        self.folder = folder
        self.home = home
    }

    func whole(_ path: String) -> String {
        if path == "~" || path.hasPrefix("~/") { return home + path.dropFirst() }
        return path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }
}
