/// A model that the user defines: another model's weights under a new name and with settings of its own.
package struct ModelVariant: Sendable, Equatable {
    package let name: String
    /// The name of the base model, as in requests.
    package let base: String
    /// Whether none of the variant's settings affects loading, so that it can use the engine of its base.
    package let sharesEngine: Bool
    /// The settings of a model that a client created; nil for a model of the configuration file.
    let creation: CreatedModel?

    package init(name: String, base: String, sharesEngine: Bool, creation: CreatedModel? = nil) {
        self.name = name
        self.base = base
        self.sharesEngine = sharesEngine
        self.creation = creation
    }

    /// Returns the records, plus one for each variant whose base is among them. A model's own name takes precedence over a variant of that name.
    static func adding(_ variants: [ModelVariant], to records: [ModelRecord], resolve: (String) -> ModelRecord?) -> [ModelRecord] {
        var taken = Set(records.map { ModelCatalog.normalized($0.id) })
        return records
            + variants.compactMap { variant in
                guard var record = resolve(variant.base), taken.insert(ModelCatalog.normalized(variant.name)).inserted else { return nil }
                record.engineOf = variant.sharesEngine ? record.loaded.id : nil
                (record.base, record.creation) = (record.id, variant.creation)
                record.id = variant.name
                return record
            }
    }
}
