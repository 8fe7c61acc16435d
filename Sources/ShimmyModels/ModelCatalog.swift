import Foundation
import ShimmyConversion
import ShimmyFormats

/// The models that one disk scan found, and the rules that resolve names to them.
package struct ModelCatalog: Sendable {
    /// The models, sorted by name.
    package let records: [ModelRecord]
    private let aliases: ModelAliases
    /// The name of the model for names of Claude that no model has; nil for none.
    private let claudeModel: String?

    /// - aliases: the target of each alias: a model name or another alias.
    /// - upstreams: the models of upstream servers. A model on the disk with the same name replaces them.
    /// - variants: models that the user defines, in addition to those that were found.
    /// - claudeModel: the name of the model for names that begin with `claude-` and that no model has; nil for none.
    /// - loadsAlone: whether a model has settings for loading, so that other names of its file cannot share its engine.
    package init(
        records: [ModelRecord], upstreams: [ModelRecord] = [], aliases: [String: String] = [:], variants: [ModelVariant] = [],
        claudeModel: String? = nil,
        loadsAlone: (ModelRecord) -> Bool = { _ in false }
    ) {
        let records = records.sharingEngines(unless: loadsAlone)
        let named = ModelVariant.naming(records, by: variants, unless: loadsAlone).adding(upstreams: upstreams)
        let given = ModelCatalog(found: named, aliases: aliases)
        self.init(found: ModelVariant.adding(variants, to: named, resolve: given.resolve), aliases: aliases, claudeModel: claudeModel)
    }

    private init(found: [ModelRecord], aliases: [String: String], claudeModel: String? = nil) {
        let found = found.sorted { $0.id < $1.id }
        self.records = found
        self.claudeModel = claudeModel
        self.aliases = ModelAliases(aliases, records: found) { Self.resolve($0, among: found) }
    }

    /// Returns the aliases that resolve to a model, sorted.
    package func aliases(of record: ModelRecord) -> [String] { aliases.names(of: record.id) }

    /// The number of aliases that resolve to a model.
    var aliasCount: Int { records.reduce(0) { $0 + aliases(of: $1).count } }

    /// The reasons why aliases do not resolve, by alias, for display.
    package var aliasProblems: [String: String] {
        var problems = aliases.problems
        if let claudeModel, named(claudeModel) == nil {
            problems["claude-*"] = "it refers to \(claudeModel), which is not the name of exactly one model"
        }
        return problems
    }

    /// Returns the model that a name means: its own name, an alias, or a name that is close enough (see `closeness`) to exactly one model. A name of
    /// Claude that means no model here means `claudeModel`. Nil if there is no such model.
    package func resolve(_ name: String) -> ModelRecord? {
        if let record = named(name) { return record }
        guard let claudeModel, Self.normalized(name).hasPrefix("claude-"), candidates(for: name).isEmpty else { return nil }
        return named(claudeModel)
    }

    private func named(_ name: String) -> ModelRecord? {
        if let exact = records.first(where: { $0.id == name }) { return exact }
        if let target = aliases.target(of: name) { return records.first { $0.id == target } }
        return Self.resolve(name, among: records)
    }

    /// Returns the models that an ambiguous name matches equally well, sorted; empty if the name is not ambiguous.
    package func candidates(for name: String) -> [ModelRecord] {
        let meant = Self.meant(by: name, among: records)
        return meant.count > 1 ? meant : []
    }

    private static func resolve(_ name: String, among records: [ModelRecord]) -> ModelRecord? {
        let meant = meant(by: name, among: records)
        return meant.count == 1 ? meant[0] : nil
    }

    /// Returns the closest models. A file that cannot be loaded does not make the name of a loadable model ambiguous.
    private static func meant(by name: String, among records: [ModelRecord]) -> [ModelRecord] {
        let ranked = records.map { ($0, closeness(of: name, to: $0)) }
        guard let best = ranked.compactMap(\.1).min() else { return [] }
        let closest = ranked.filter { $0.1 == best }.map(\.0)
        let loadable = closest.filter(\.isLoadable)
        return (loadable.isEmpty ? closest : loadable).preferred
    }

    /// Returns how closely a name matches a model (smaller is closer), or nil if it does not match:
    /// 0. The exact name.
    /// 1. A different case, with or without `:latest`, or with the prefix `hf.co/`.
    /// 2. Without the quantization, or with the quantization as in repositories (`name:Q4_K_M` for `name.Q4_K_M` and `name-Q4_K_M`).
    /// 3. Only the last component of the name, in one of these forms.
    package static func closeness(of name: String, to record: ModelRecord) -> Int? {
        if name == record.id { return 0 }
        let wanted = normalized(name)
        if wanted.isEmpty { return nil }
        let id = normalized(record.id)
        if id == wanted { return 1 }
        let plain = withoutQuantization(record)
        let spellings = [wanted] + asFilesAreCalled(wanted)
        if plain == wanted || spellings.contains(id) { return 2 }
        return lastPart(plain) == wanted || spellings.contains(lastPart(id)) ? 3 : nil
    }

    /// Returns the record of a GGUF file or a folder of SafeTensors by its path; nil if there is no such file. Only for paths from the command
    /// line and the environment: a client's input must never open a file.
    package static func record(forFile path: String) -> ModelRecord? {
        if let names = try? FileManager.default.contentsOfDirectory(atPath: path), HubFolder.isModel(names: names) {
            return RecordReader.record(folder: path, id: URL(fileURLWithPath: path).lastPathComponent, source: .file)
        }
        guard FileManager.default.fileExists(atPath: path), let name = FileName((path as NSString).lastPathComponent) else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        let shards = name.part.map { name.shardNames(count: $0.count).map { folder.isEmpty ? $0 : "\(folder)/\($0)" } } ?? [path]
        return RecordReader.record(path: shards[0], shards: shards, id: name.stem, source: .file)
    }

    /// Returns whether two names mean the same model.
    package static func isSame(_ one: String, _ other: String) -> Bool { normalized(one) == normalized(other) }

    /// Returns a name in the form in which names are compared.
    package static func normalized(_ name: String) -> String {
        var name = name.lowercased()
        for prefix in ["hf.co/", "huggingface.co/"] where name.hasPrefix(prefix) { name.removeFirst(prefix.count) }
        if name.hasSuffix(":latest") { name.removeLast(":latest".count) }
        return name
    }

    /// Returns the spellings in file names of a name with a quantization after a colon; empty for other names.
    private static func asFilesAreCalled(_ name: String) -> [String] {
        guard let colon = name.lastIndex(of: ":") else { return [] }
        let (plain, quantization) = (name[..<colon], name[name.index(after: colon)...])
        guard QuantizationName.isOne(quantization.uppercased()) else { return [] }
        return [".", "-", "_"].map { "\(plain)\($0)\(quantization)" }
    }

    private static func withoutQuantization(_ record: ModelRecord) -> String {
        let id = normalized(record.id)
        // The name is more precise than the header, which declares UD-Q4_K_XL as Q4_K_M.
        if let named = QuantizationName.ending(id) { return String(id.dropLast(named.count + 1)) }
        guard let quantization = record.quantization?.lowercased() else { return id }
        for separator in [":", ".", "-"] where id.hasSuffix(separator + quantization) { return String(id.dropLast(quantization.count + 1)) }
        return id
    }

    private static func lastPart(_ id: String) -> String { id.split(separator: "/").last.map(String.init) ?? id }
}
