import ShimmyCore
import ShimmyJSON

extension ModelPreset {
    static let keys = [
        "base", "context", "slots", "chat_template", "chat_template_file", "system", "defaults", "forced", "aliases", "keep_alive", "pin", "preload",
        "lora", "moderation", "isolation", "isolation_memory",
    ]

    init(name: String, _ reader: inout TableReader, _ paths: PathBase) {
        self.init(name: name)
        reader.refuseOthers(than: Self.keys)
        if name.isEmpty { reader.report(nil, "the name of the model is empty.") }
        base = reader.setting(.text, "base", paths: paths)
        context = reader.setting(.integer(EngineRanges.context), "context", paths: paths).flatMap { Int($0) }
        slots = reader.setting(.integer(EngineRanges.slots), "slots", paths: paths).flatMap { Int($0) }
        system = reader.value("system", "a string", \.stringValue)
        defaults = reader.object("defaults") ?? [:]
        forced = reader.object("forced") ?? [:]
        aliases = reader.value("aliases", "a list of strings") { $0.arrayValue.flatMap(Self.names) } ?? []
        keepAlive = reader.value("keep_alive", SettingKind.time.expectation, Self.keepAlive)
        pin = reader.value("pin", "true or false", \.boolValue)
        preload = reader.value("preload", "true or false", \.boolValue)
        moderation = reader.value("moderation", "true or false", \.boolValue)
        isolation = reader.setting(Setting.isolation.kind, "isolation", paths: paths).flatMap { ModelIsolation(rawValue: $0) }
        isolationMemory = reader.setting(.size, "isolation_memory", paths: paths).flatMap { ByteSize.bytes($0) }
        readTemplate(&reader, paths)
        readAdapters(&reader, paths)
        if base != nil, !concernsLoading {
            // The server answers for such a model with its loaded base, so these settings belong in the base's table.
            for key in ["keep_alive", "pin", "preload"] where reader.object[key] != nil {
                reader.report(
                    key, "this model differs from its base only in its requests and shares the loaded base; set this key in the base's table.")
            }
        }
    }

    private mutating func readTemplate(_ reader: inout TableReader, _ paths: PathBase) {
        let text = reader.setting(.text, "chat_template", paths: paths)
        let file = reader.setting(.path, "chat_template_file", paths: paths)
        if text != nil, file != nil { reader.report("chat_template_file", "'chat_template' is also set; only one of the two can be used.") }
        chatTemplate = text.map(ChatTemplateSource.text) ?? file.map(ChatTemplateSource.file)
    }

    private mutating func readAdapters(_ reader: inout TableReader, _ paths: PathBase) {
        let tables = reader.value("lora", "a list of tables, such as [{ path = \"adapter.gguf\", scale = 1.0 }]") { value -> [JSONObject]? in
            guard let elements = value.arrayValue else { return nil }
            let objects = elements.compactMap(\.objectValue)
            return objects.count == elements.count ? objects : nil
        }
        for (index, table) in (tables ?? []).enumerated() {
            var inner = reader.nested("lora\u{1f}\(index)", table)
            inner.refuseOthers(than: ["name", "path", "scale"])
            let name = inner.setting(.text, "name", paths: paths)
            let path = inner.setting(.path, "path", paths: paths)
            if table["path"] == nil { inner.report(nil, "'path' is missing.") }
            let scale = inner.value("scale", "a number from -10 to 10") { $0.doubleValue.flatMap { (-10...10).contains($0) ? $0 : nil } } ?? 1
            if let path { lora.append(AdapterPreset(name: name, path: path, scale: scale)) }
            reader.take(inner)
        }
    }

    private static func names(_ elements: [JSON]) -> [String]? {
        let names = elements.compactMap(\.stringValue).filter { !$0.isEmpty }
        return names.count == elements.count ? names : nil
    }

    private static func keepAlive(_ value: JSON) -> KeepAlive? {
        value.stringValue.flatMap(KeepAlive.init(_:)) ?? value.doubleValue.flatMap(KeepAlive.init(seconds:))
    }

    /// Reports names with more than one meaning, regardless of case.
    static func checkNames(_ presets: [ModelPreset], _ root: inout TableReader) {
        var owners = Dictionary(presets.map { ($0.name.lowercased(), $0.name) }, uniquingKeysWith: { first, _ in first })
        let bases = Dictionary(presets.map { ($0.name, $0.base) }, uniquingKeysWith: { first, _ in first })
        for preset in presets {
            let reader = root.nested("model\u{1f}\(preset.name)", [:])
            var own = reader
            for alias in preset.aliases {
                if let owner = owners[alias.lowercased()] {
                    own.report("aliases", "'\(alias)' is already a name of \(owner).")
                } else {
                    owners[alias.lowercased()] = preset.name
                }
            }
            if let base = preset.base {
                if base.lowercased() == preset.name.lowercased() {
                    own.report("base", "a model cannot be its own base.")
                } else if bases[base] ?? nil != nil {
                    own.report("base", "'\(base)' itself has a base; use that model as the base.")
                }
            }
            root.take(own)
        }
    }
}
