import ShimmyJSON

/// The content of a configuration file: settings in the form of environment variables, and presets of models.
package struct ConfigurationFile: Sendable {
    package let path: String
    /// The settings' values, by variable.
    package private(set) var values: [String: String] = [:]
    /// The settings' 1-based lines, by variable.
    package private(set) var lines: [String: Int] = [:]
    /// The presets, in the order of their names.
    package private(set) var presets: [ModelPreset] = []
    /// The keys of clients, in the order of their names.
    package private(set) var keys: [KeyTable] = []
    /// The upstream servers, in the order of their names.
    package private(set) var upstreams: [UpstreamTable] = []
    /// All problems of the file, in the order of lines. The program does not use a file with problems, not even in part.
    package private(set) var problems: [ConfigurationProblem] = []

    private var keyLines = KeyLines("")
    private static let largest = 1 << 20

    /// - path: the file's path in messages.
    /// - paths: the base of relative paths in the file.
    package init(text: String, path: String, paths: PathBase) {
        self.path = path
        guard text.utf8.count <= Self.largest else {
            problems = [ConfigurationProblem(file: path, line: nil, path: "", message: "the file is larger than 1 MiB.")]
            return
        }
        do {
            let object = try TOMLText.parse(text, file: path)
            keyLines = KeyLines(text)
            read(object, paths)
        } catch {
            problems = [error]
        }
        sortProblems()
    }

    /// Adds a problem with a value that another part of the program found.
    package mutating func add(_ message: String, at path: [String]) {
        var reader = TableReader([:], path: path, file: self.path, lines: keyLines)
        reader.report(nil, message)
        problems += reader.problems
        sortProblems()
    }

    /// All model names in the file.
    package var modelNames: [ConfiguredName] {
        presets.flatMap { preset in
            let table = ["model", preset.name]
            let own = ConfiguredName(name: preset.name, meaning: preset.base.map { .variant(of: $0) } ?? .table, line: keyLines.line(of: table))
            let line = keyLines.line(of: table + ["aliases"])
            return [own] + preset.aliases.map { ConfiguredName(name: $0, meaning: .alias(of: preset.name), line: line) }
        }
    }

    private mutating func sortProblems() { problems.sort { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) } }

    /// Creates the result for a file that cannot be read at all.
    package init(path: String, problem: String) {
        self.path = path
        problems = [ConfigurationProblem(file: path, line: nil, path: "", message: problem)]
    }

    private mutating func read(_ object: JSONObject, _ paths: PathBase) {
        var root = TableReader(object, path: [], file: path, lines: keyLines)
        refuseUnknown(&root)
        for (table, _) in Settings.tables {
            guard let content = root.object(table) else { continue }
            var reader = root.nested(table, content)
            for setting in Settings.all where setting.table == table {
                guard let text = reader.setting(setting.kind, setting.key, paths: paths) else { continue }
                values[setting.variable] = text
                lines[setting.variable] = keyLines.line(of: [table, setting.key])
            }
            refuseUnknown(in: table, &reader)
            root.take(reader)
        }
        presets = namedTables("model", &root) { ModelPreset(name: $0, &$1, paths) }
        ModelPreset.checkNames(presets, &root)
        let settingHint = " The setting api_key of [server] is a list of keys."
        keys = namedTables("key", &root, hint: settingHint) { KeyTable(name: $0, &$1, paths) }
        upstreams = namedTables("upstream", &root) { UpstreamTable(name: $0, &$1, paths) }
        problems = root.problems
    }

    /// Reads each table whose name follows a kind, such as [model."NAME"].
    /// - hint: the end of the message for a value that is not a table.
    private func namedTables<Table>(
        _ kind: String, _ root: inout TableReader, hint: String = "", read: (_ name: String, _ reader: inout TableReader) -> Table
    ) -> [Table] {
        var tables: [Table] = []
        for (name, content) in root.object(kind) ?? [:] {
            guard let content = content.objectValue else {
                root.report(kind, "each \(kind) needs its own table, such as [\(kind).\"\(name)\"].\(hint)")
                continue
            }
            var reader = root.nested("\(kind)\u{1f}\(name)", content)
            tables.append(read(name, &reader))
            root.take(reader)
        }
        return tables
    }

    private func refuseUnknown(_ root: inout TableReader) {
        let tables = Settings.tables.map(\.name) + ["model", "key", "upstream"]
        for key in root.object.keys where !tables.contains(key) {
            if let setting = Settings.all.first(where: { $0.key == key }) {
                root.report(key, "this key belongs in [\(setting.table)].")
            } else {
                root.report(key, "there is no such table.\(KeywordSuggestion.text(for: key, among: tables))")
            }
        }
    }

    private func refuseUnknown(in table: String, _ reader: inout TableReader) {
        let keys = Settings.all.filter { $0.table == table }.map(\.key)
        for key in reader.object.keys where !keys.contains(key) {
            if let elsewhere = Settings.all.first(where: { $0.key == key }) {
                reader.report(key, "this key belongs in [\(elsewhere.table)].")
            } else {
                // A similar key of the same table is more likely than one of another table.
                let names = KeywordSuggestion.closest(to: key, among: keys) == nil ? Settings.all.map(\.key) : keys
                reader.report(key, "there is no such key.\(KeywordSuggestion.text(for: key, among: names))")
            }
        }
    }
}
