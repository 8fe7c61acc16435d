/// The aliases of models. A model's own name takes precedence over an alias of that name, and an alias never resolves to itself.
struct ModelAliases: Sendable {
    /// The ids of models by alias. Aliases are in the form of `ModelCatalog.normalized`.
    private var targets: [String: String] = [:]
    /// The aliases of each model, sorted, by the model's id.
    private var names: [String: [String]] = [:]
    /// The reasons why aliases do not resolve, by alias, for display.
    private(set) var problems: [String: String] = [:]

    /// - aliases: the target of each alias: a model name as in requests, or another alias.
    /// - resolve: returns the model that a name means without aliases.
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

    /// Follows an alias, and the aliases that it leads to, until it reaches a model. Returns the model's id, or sets `problem` and returns nil.
    private static func target(
        of alias: String, _ aliases: [String: String], _ resolve: (String) -> ModelRecord?, problem: inout String?
    ) -> String? {
        var (name, visited) = (alias, Set<String>())
        while let next = aliases[name] {
            guard visited.insert(name).inserted else {
                problem = "it refers to itself"
                return nil
            }
            if aliases[ModelCatalog.normalized(next)] == nil, let record = resolve(next) { return record.id }
            name = ModelCatalog.normalized(next)
        }
        problem = "it refers to \(aliases[alias] ?? alias), which is not the name of exactly one model"
        return nil
    }

    /// Returns the id of the model that an alias resolves to, or nil if there is none.
    func target(of name: String) -> String? { targets[ModelCatalog.normalized(name)] }

    func names(of id: String) -> [String] { names[id] ?? [] }
}
