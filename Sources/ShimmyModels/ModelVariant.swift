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

    /// Returns the records with the models that clients created on hidden weights in place of those weights. The oldest model that is loaded like
    /// its weights owns the engine that the others of this kind share.
    /// - loadsAlone: whether a model has settings under its own name that concern its engine.
    static func naming(_ records: [ModelRecord], by variants: [ModelVariant], unless loadsAlone: (ModelRecord) -> Bool) -> [ModelRecord] {
        let hidden = Dictionary(records.filter(\.isHidden).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var named = records.filter { !$0.isHidden }
        var taken = Set((named.map(\.id) + variants.filter { $0.creation == nil }.map(\.name)).map(ModelCatalog.normalized))
        var owners: [String: String] = [:]
        for variant in variants {
            guard let creation = variant.creation, var record = hidden[variant.base], taken.insert(ModelCatalog.normalized(variant.name)).inserted
            else { continue }
            (record.id, record.creation, record.isHidden) = (variant.name, creation, false)
            if variant.sharesEngine, !loadsAlone(record) {
                record.engineOf = owners[variant.base]
                if record.engineOf == nil { owners[variant.base] = record.id }
            }
            named.append(record)
        }
        return named
    }

    /// Returns the records, plus one for each variant whose base is among them. A model's own name takes precedence over a variant of that name. The
    /// base of a created model is a complete name, so that the model never stands on other weights with a similar name.
    static func adding(_ variants: [ModelVariant], to records: [ModelRecord], resolve: (String) -> ModelRecord?) -> [ModelRecord] {
        var taken = Set(records.map { ModelCatalog.normalized($0.id) })
        return records
            + variants.compactMap { variant in
                guard var record = resolve(variant.base), variant.creation == nil || ModelCatalog.isSame(record.id, variant.base),
                    taken.insert(ModelCatalog.normalized(variant.name)).inserted
                else { return nil }
                record.engineOf = variant.sharesEngine ? record.loaded.id : nil
                (record.base, record.creation) = (record.id, variant.creation)
                record.id = variant.name
                return record
            }
    }
}
