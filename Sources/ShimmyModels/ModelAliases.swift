/// Other names for models. A name that a model has by itself is never taken away from it, and no alias leads to itself.
struct ModelAliases: Sendable {
    /// Ids of models, by alias as `ModelCatalog.normalized` writes it.
    private var targets: [String: String] = [:]
    /// By the model's id, sorted.
    private var names: [String: [String]] = [:]
    /// Why an alias leads nowhere, by alias; for people.
    private(set) var problems: [String: String] = [:]

    /// - aliases: what each leads to: a model as requests may name it, or another alias.
    /// - resolve: finds the model that a name means by itself.
    init(_ aliases: [String: String], records: [ModelRecord], resolve: (String) -> ModelRecord?) {
        let taken = Set(records.map { ModelCatalog.normalized($0.id) })
        let byName = Dictionary(
            aliases.map { (ModelCatalog.normalized($0.key), $0.value) }.sorted { $0 < $1 }, uniquingKeysWith: { first, _ in first })
        for alias in aliases.keys.sorted() {
            let name = ModelCatalog.normalized(alias)
            if taken.contains(name) {
                problems[alias] = "a model has that name"
            } else if let id = Self.target(of: name, byName, resolve, problem: &problems[alias]) {
                targets[name] = id
                names[id, default: []].append(alias)
            }
        }
    }

    /// Follows an alias to a model, over other aliases where they lead there.
    private static func target(
        of alias: String, _ aliases: [String: String], _ resolve: (String) -> ModelRecord?, problem: inout String?
    ) -> String? {
        var (name, visited) = (alias, Set<String>())
        while let next = aliases[name] {
            guard visited.insert(name).inserted else {
                problem = "it leads to itself"
                return nil
            }
            if aliases[ModelCatalog.normalized(next)] == nil, let record = resolve(next) { return record.id }
            name = ModelCatalog.normalized(next)
        }
        problem = "it leads to \(aliases[alias] ?? alias), which is no model's name or that of several"
        return nil
    }

    /// The id of the model that an alias leads to.
    func target(of name: String) -> String? { targets[ModelCatalog.normalized(name)] }

    func names(of id: String) -> [String] { names[id] ?? [] }
}
