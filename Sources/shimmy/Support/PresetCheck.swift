import Foundation
import ShimmyAPI
import ShimmyConfiguration
import ShimmyJSON
import ShimmyLlama
import ShimmyModels

/// Checks the presets of a configuration file beyond its syntax: fields that chat requests do not have, templates that do not parse, missing files.
enum PresetCheck {
    static func check(_ file: inout ConfigurationFile) {
        for preset in file.presets {
            let path = ["model", preset.name]
            check(preset.defaults, path + ["defaults"], &file)
            check(preset.forced, path + ["forced"], &file)
            check(preset.chatTemplate, path, &file)
            for (index, adapter) in preset.lora.enumerated() where !FileManager.default.fileExists(atPath: adapter.path) {
                file.add("there is no file \(adapter.path).", at: path + ["lora", "\(index)", "path"])
            }
        }
    }

    /// Reports bases that are not names of models on the disk. A server does not refuse them, because a model may be added while it runs.
    static func checkBases(_ file: inout ConfigurationFile) {
        guard file.problems.isEmpty, file.presets.contains(where: { $0.base != nil }) else { return }
        let environment = Environment(own: ProcessConfiguration.environment, file: file)
        let data = environment.directories.data
        let book = ModelBook(file.presets)
        let catalog = ModelCatalog(
            records: environment.discovery().scan(), aliases: AliasFile(directory: data).aliases.merging(book.aliases) { $1 },
            variants: CreatedModelFile(directory: data).variants, loadsAlone: book.loadsAlone)
        let names = catalog.records.filter(\.isLoadable).map(\.id)
        for preset in file.presets {
            guard let base = preset.base, catalog.resolve(base) == nil else { continue }
            file.add("no model named \(base) was found.\(NameSuggestions.text(for: base, among: names))", at: ["model", preset.name, "base"])
        }
    }

    private static func check(_ fields: JSONObject, _ path: [String], _ file: inout ConfigurationFile) {
        var areFine = true
        for (name, value) in fields {
            if !RequestPreset.fields.contains(name) {
                let suggestion = KeywordSuggestion.text(for: name, among: RequestPreset.fields)
                file.add("a preset cannot contain this request field.\(suggestion)", at: path + [name])
            } else if let problem = RequestPreset.problem([name: value]), problem.param?.hasPrefix(name) ?? true {
                file.add(problem.message, at: path + [name])
            } else {
                continue
            }
            areFine = false
        }
        // Some fields require others, and some exclude each other.
        if areFine, let problem = RequestPreset.problem(fields) { file.add(problem.message, at: path) }
    }

    private static func check(_ template: ModelPreset.ChatTemplateSource?, _ path: [String], _ file: inout ConfigurationFile) {
        guard let template else { return }
        let key = if case .text = template { "chat_template" } else { "chat_template_file" }
        do {
            _ = try LlamaChatTemplate(source: try template.source)
        } catch {
            file.add("\(error)", at: path + [key])
        }
    }
}

extension ModelPreset.ChatTemplateSource {
    struct Unreadable: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) cannot be read." }
    }

    /// The template's text. Throws `Unreadable` if its file cannot be read.
    var source: String {
        get throws {
            switch self {
            case .text(let text): return text
            case .file(let path):
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw Unreadable(path: path) }
                return text
            }
        }
    }
}
