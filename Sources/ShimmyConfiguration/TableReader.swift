import ShimmyJSON

/// A reader of one table that collects all problems, not only the first.
struct TableReader {
    let object: JSONObject
    private(set) var problems: [ConfigurationProblem] = []
    private let file: String
    private let lines: KeyLines
    private let path: [String]

    init(_ object: JSONObject, path: [String], file: String, lines: KeyLines) {
        self.object = object
        self.path = path
        self.file = file
        self.lines = lines
    }

    mutating func report(_ key: String?, _ message: String) {
        let whole = key.map { path + [$0] } ?? path
        problems.append(ConfigurationProblem(file: file, line: lines.line(of: whole), path: Self.text(whole), message: message))
    }

    /// Reports the keys that are not among `names`. The report of a key that is a setting names the setting's table.
    mutating func refuseOthers(than names: [String]) {
        for key in object.keys where !names.contains(key) {
            if let setting = Settings.all.first(where: { $0.key == key }) {
                report(key, "this key belongs in [\(setting.table)].")
                continue
            }
            report(key, "there is no such key.\(KeywordSuggestion.text(for: key, among: names))")
        }
    }

    /// Returns the value if it is valid; otherwise reports a problem and returns nil. Nil also if the key is absent.
    mutating func value<Value>(_ key: String, _ expectation: String, _ convert: (JSON) -> Value?) -> Value? {
        guard let json = object[key] else { return nil }
        if let value = convert(json) { return value }
        report(key, "it must be \(expectation), not \(Self.isSecret(key) ? Self.hidden(json) : Self.shown(json)).")
        return nil
    }

    mutating func setting(_ kind: SettingKind, _ key: String, paths: PathBase) -> String? {
        value(key, kind.expectation) { kind.text($0, paths: paths) }
    }

    mutating func object(_ key: String) -> JSONObject? { value(key, "a table", \.objectValue) }

    /// Returns a reader for a nested table. `take` adds its problems to this reader's.
    func nested(_ key: String, _ object: JSONObject) -> TableReader {
        TableReader(object, path: path + key.split(separator: "\u{1f}").map(String.init), file: file, lines: lines)
    }

    mutating func take(_ other: TableReader) { problems += other.problems }

    /// Returns a path as TOML writes it: `model."a.b".context`.
    private static func text(_ path: [String]) -> String {
        path.map { part in
            let isBare = !part.isEmpty && part.utf8.allSatisfy { $0 == 0x2D || $0 == 0x5F || (0x30...0x39).contains($0) || isLetter($0) }
            return isBare ? part : "\"\(part)\""
        }
        .joined(separator: ".")
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }

    /// Whether a key's value must not appear in a message, which the server logs.
    private static func isSecret(_ key: String) -> Bool {
        key == "headers" || Settings.all.contains { $0.key == key && $0.isSecret }
    }

    private static func hidden(_ json: JSON) -> String {
        switch json {
        case .string(let text): text.isEmpty ? "an empty text" : "this text"
        case .array(let elements): elements.isEmpty ? "an empty list" : "this list"
        default: "this value"
        }
    }

    private static func shown(_ json: JSON) -> String {
        switch json {
        case .object(let object): object["toml"]?.stringValue ?? "a table"
        case .array: "a list"
        default: json.text.count <= 60 ? json.text : "a long text"
        }
    }
}
