import ArgumentParser
import ShimmyConfiguration
import ShimmyJSON
import ShimmyModels

struct AliasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias", abstract: "Add, list or remove other names for models.",
        discussion: """
            'shimmy alias' lists all aliases, 'shimmy alias NAME=MODEL' adds or changes an alias, 'shimmy alias --remove NAME' removes it. \
            A running server applies the change.
            """)

    @OptionGroup var options: CatalogOptions

    @OptionGroup var client: ClientOptions

    @Flag(help: "Remove the alias NAME.")
    var remove = false

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "NAME=MODEL, or NAME with --remove.")
    var alias: String?

    private var file: AliasFile { options.aliasFile }

    func validate() throws {
        if remove, alias == nil { throw ValidationError("Name the alias to remove.") }
        if !remove, let alias, !alias.contains("=") { throw ValidationError("Use NAME=MODEL to add an alias.") }
    }

    func run() async throws {
        do {
            guard let alias else { return show() }
            if remove { try take(alias) } else { try make(alias) }
            await client.tellOfChange()
        } catch let error as AliasFile.Refusal {
            Console.error(error.description)
            throw ExitStatus.failure
        }
    }

    private func show() {
        let catalog = options.catalog()
        let problems = catalog.aliasProblems
        var rows = file.aliases.map { name, model in
            (name: name, model: model, problem: ConfiguredNames.owner(of: name) ?? problems[name], place: String?.none)
        }
        rows += ModelBook.current.aliases.map { name, model in
            (name: name, model: model, problem: problems[name], place: ProcessConfiguration.shared.file?.path)
        }
        rows.sort { ($0.name, $0.place ?? "") < ($1.name, $1.place ?? "") }
        if json {
            let all = rows.map { row -> JSON in
                var object: JSONObject = [
                    "alias": .string(row.name), "model": .string(row.model), "problem": row.problem.map(JSON.string) ?? .null,
                ]
                // Only the configuration file itself can change its aliases.
                object["file"] = row.place.map(JSON.string)
                return .object(object)
            }
            Console.print(JSON.array(all).pretty())
        } else if rows.isEmpty {
            Console.print("There are no aliases. 'shimmy alias NAME=MODEL' adds one.")
        } else {
            let lines = rows.map { row in [row.name, row.model, row.problem ?? row.place.map { "from \($0)" } ?? ""] }
            Console.print(Console.table([["ALIAS", "MODEL", ""]] + lines))
        }
    }

    private func make(_ text: String) throws {
        let equals = text.firstIndex(of: "=") ?? text.endIndex
        let (name, model) = (String(text[..<equals]), String(text[equals...].dropFirst()))
        let record = try options.resolve(model, byPath: false)
        let records = options.catalog().records
        func problem(_ aliases: [String: String]) -> String? {
            let problem = ConfiguredNames.mention(of: name) ?? ModelCatalog(records: records, aliases: aliases).aliasProblems[name]
            return problem.map { "\(name) cannot be an alias: \($0)" }
        }
        try file.set(name, to: record.id, problem: problem)
        say(name, record.id, "\(name) is an alias of \(record.id).")
    }

    private func take(_ name: String) throws {
        guard try file.remove(name) else {
            if let owner = ConfiguredNames.owner(of: name) {
                Console.error("\(name) is not removed: \(owner)")
                throw ExitStatus.failure
            }
            Console.error("there is no alias \(name)." + NameSuggestions.text(for: name, among: Array(file.aliases.keys)))
            throw ExitStatus.modelNotFound
        }
        say(name, nil, "The alias \(name) is removed.")
    }

    private func say(_ name: String, _ model: String?, _ text: String) {
        Console.print(json ? JSON.object(["alias": .string(name), "model": model.map(JSON.string) ?? .null]).text : text)
    }
}
