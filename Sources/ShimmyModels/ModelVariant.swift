/// A model of the user's own making: another model's weights under a name and with settings of its own.
package struct ModelVariant: Sendable, Equatable {
    package let name: String
    /// A model as requests may name it.
    package let base: String
    /// Whether nothing of its own concerns loading, so that it can be answered by what was loaded for its base.
    package let sharesEngine: Bool

    package init(name: String, base: String, sharesEngine: Bool) {
        self.name = name
        self.base = base
        self.sharesEngine = sharesEngine
    }

    /// The records, and one for each variant whose base is among them. A name that a model has by itself stays that model's.
    static func adding(_ variants: [ModelVariant], to records: [ModelRecord], resolve: (String) -> ModelRecord?) -> [ModelRecord] {
        var taken = Set(records.map { ModelCatalog.normalized($0.id) })
        return records
            + variants.compactMap { variant in
                guard var record = resolve(variant.base), taken.insert(ModelCatalog.normalized(variant.name)).inserted else { return nil }
                record.engineOf = variant.sharesEngine ? record.loaded.id : nil
                record.base = record.id
                record.id = variant.name
                return record
            }
    }
}
