import ArgumentParser
import Foundation
import ShimmyConfiguration
import ShimmyCore
import ShimmyJSON

struct ConfigShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show every setting with its value and source.",
        discussion: "Command-line options are not included, because they apply to one process only. API keys are not shown.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let file = ProcessConfiguration.shared.file
        let settings = Settings.all.map { ShownSetting($0, environment: .process, file: file) }
        if json {
            let presets = (file?.presets ?? []).map(\.json)
            Console.print(
                JSON.object([
                    "file": file.map { .string($0.path) } ?? .null, "settings": .array(settings.map(\.json)), "models": .array(presets),
                    "keys": .array((file?.keys ?? []).map { .string($0.name) }),
                    "upstreams": .array((file?.upstreams ?? []).map { ["name": .string($0.name), "url": $0.url.map(JSON.string) ?? .null] }),
                ])
                .pretty())
            return
        }
        Console.print(Console.table([["SETTING", "VALUE", "FROM"]] + settings.map { [$0.path, $0.value, $0.source] }))
        for preset in file?.presets ?? [] { Console.print("\n\(preset.lines.joined(separator: "\n"))") }
        for key in file?.keys ?? [] { Console.print("\nkey \(key.name), shown by 'shimmy key show'") }
        for upstream in file?.upstreams ?? [] { Console.print("\nupstream \(upstream.name) = \(upstream.url ?? "-"), shown by 'shimmy upstreams'") }
    }
}

/// A setting with its effective value and the source of that value.
private struct ShownSetting {
    let path: String
    let value: String
    let source: String
    /// The value as the file would contain it.
    private let fileValue: JSON

    init(_ setting: Setting, environment: Environment, file: ConfigurationFile?) {
        path = setting.path
        let said = environment.given(setting)
        let isHidden = setting.isSecret && said != nil
        value = isHidden ? "(not shown)" : said ?? setting.defaultText?.replacing("\"", with: "") ?? "-"
        let text = said ?? setting.defaultValue
        fileValue = isHidden ? JSON.string(value) : text.map(setting.kind.json) ?? (setting.kind.isList ? JSON.array([]) : JSON.null)
        if environment.isOwn(setting.variable) {
            source = setting.variable
        } else if let rival = setting.rival, environment.isOwn(rival) {
            source = rival
        } else {
            source = said == nil ? "default" : "\(file?.path ?? "")\(file?.lines[setting.variable].map { ":\($0)" } ?? "")"
        }
    }

    var json: JSON { ["setting": .string(path), "value": fileValue, "from": .string(source)] }
}

extension ModelPreset {
    fileprivate var json: JSON {
        var object: JSONObject = ["name": .string(name), "base": base.map(JSON.string) ?? .null]
        object["aliases"] = .array(aliases.map(JSON.string))
        object["context"] = context.map(JSON.int)
        object["slots"] = slots.map(JSON.int)
        object["system"] = system.map(JSON.string)
        object["chat_template"] = chatTemplate.map { .string($0.shown) }
        object["defaults"] = .object(defaults)
        object["forced"] = .object(forced)
        object["keep_alive"] = keepAlive.map { .string("\($0)") }
        object["pin"] = pin.map(JSON.bool)
        object["preload"] = preload.map(JSON.bool)
        object["moderation"] = moderation.map(JSON.bool)
        object["isolation"] = isolation.map { .string($0.rawValue) }
        object["isolation_memory"] = isolationMemory.map(JSON.int)
        object["lora"] = .array(lora.map { ["name": $0.name.map(JSON.string) ?? .null, "path": .string($0.path), "scale": .double($0.scale)] })
        return .object(object)
    }

    /// The settings of the preset as text, one per line.
    fileprivate var lines: [String] {
        let said = (json.objectValue ?? [:]).filter { key, value in
            key != "name" && !value.isNull && value.arrayValue?.isEmpty != true && value.objectValue?.isEmpty != true
        }
        return ["model \(name)"] + said.map { "  \($0.key): \($0.value.stringValue ?? $0.value.text)" }
    }
}

extension ModelPreset.ChatTemplateSource {
    fileprivate var shown: String {
        switch self {
        case .text(let text): "\(text.count) characters"
        case .file(let path): path
        }
    }
}
