extension [ModelRecord] {
    /// Lets models that are names of the same file share an engine if they would be loaded alike: copies, and models that differ only in settings
    /// for requests. The oldest name owns the engine, so that a new copy does not change the loaded models.
    /// - loadsAlone: whether a model has settings under its own name that concern its engine.
    func sharingEngines(unless loadsAlone: (ModelRecord) -> Bool) -> [ModelRecord] {
        var records = self
        let named = indices.filter { self[$0].manifest != nil && self[$0].base == nil && self[$0].isLoadable }
        for names in Dictionary(grouping: named, by: { self[$0].path }).values where names.count > 1 {
            var owners: [ModelRecord] = []
            for index in names.filter({ !loadsAlone(self[$0]) }).sorted(by: { self[$0].age < self[$1].age }) {
                if let owner = owners.first(where: { $0.isLoaded(like: self[index]) }) {
                    records[index].engineOf = owner.id
                } else {
                    owners.append(self[index])
                }
            }
        }
        return records
    }
}

extension ModelRecord {
    fileprivate var age: (Int, String) { (manifest?.modified ?? 0, id) }

    /// Returns whether this model and `other`, a model of the same file, are loaded alike.
    fileprivate func isLoaded(like other: ModelRecord) -> Bool {
        projector == other.projector && adapters == other.adapters && hints.contextLength == other.hints.contextLength
    }
}
