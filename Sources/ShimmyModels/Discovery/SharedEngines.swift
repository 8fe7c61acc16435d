extension [ModelRecord] {
    /// Lets models that are other names of one file be one in memory where they would be loaded alike: copies, and those that only say
    /// something else about their use. It is the engine of the oldest name, so that a copy changes nothing of what is loaded.
    /// - loadsAlone: whether there are settings for just this name that concern its engine.
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

    /// Of a model of the same file.
    fileprivate func isLoaded(like other: ModelRecord) -> Bool {
        projector == other.projector && adapters == other.adapters && hints.contextLength == other.hints.contextLength
    }
}
