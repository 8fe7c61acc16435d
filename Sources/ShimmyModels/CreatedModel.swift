import ShimmyJSON

/// A model that a client created on top of another one: the weights of its base under a new name, with settings of its own.
package struct CreatedModel: Sendable, Equatable {
    package var name: String
    /// The id of the model with the weights, which may be hidden.
    package var base: String
    /// The settings of the model. They have priority over those of the base.
    package var hints: ModelHints
    /// A Jinja chat template to use instead of the base's; nil for the base's.
    package var template: String?
    package var license: String?
    /// The time of the creation, in Unix seconds.
    package var created: Int

    package init(name: String, base: String, hints: ModelHints, template: String? = nil, license: String? = nil, created: Int) {
        self.name = name
        self.base = base
        self.hints = hints
        self.template = template
        self.license = license
        self.created = created
    }

    /// Returns the model on the base of another created model, with the settings of that model where this one has none.
    package func over(_ other: CreatedModel) -> CreatedModel {
        var result = self
        result.base = other.base
        result.hints.defaults = other.hints.defaults
        for (field, value) in hints.defaults { result.hints.defaults[field] = value }
        if hints.system.isEmpty { result.hints.system = other.hints.system }
        if hints.messages.isEmpty { result.hints.messages = other.hints.messages }
        result.hints.contextLength = hints.contextLength ?? other.hints.contextLength
        result.template = template ?? other.template
        result.license = license ?? other.license
        return result
    }

    /// Whether nothing but the name distinguishes the model from its weights.
    var hasNoSettings: Bool { hints == ModelHints() && template == nil && license == nil }

    var variant: ModelVariant {
        ModelVariant(name: name, base: base, sharesEngine: hints.contextLength == nil && template == nil, creation: self)
    }
}

extension CreatedModel {
    /// The model in its file, without its name.
    var json: JSON {
        var object: JSONObject = ["base": .string(base), "created": .int(created)]
        if !hints.system.isEmpty { object["system"] = .string(hints.system) }
        if !hints.messages.isEmpty {
            object["messages"] = .array(hints.messages.map { ["role": .string($0.role), "content": .string($0.content)] })
        }
        if !hints.defaults.isEmpty { object["defaults"] = .object(hints.defaults) }
        if let context = hints.contextLength { object["context"] = .int(context) }
        if let template { object["chat_template"] = .string(template) }
        if let license { object["license"] = .string(license) }
        return .object(object)
    }

    /// Returns nil if the JSON has no base.
    init?(name: String, _ json: JSON) {
        guard let base = json["base"]?.stringValue else { return nil }
        var hints = ModelHints()
        hints.system = json["system"]?.stringValue ?? ""
        hints.messages = (json["messages"]?.arrayValue ?? []).compactMap(ModelHints.Message.init)
        hints.defaults = json["defaults"]?.objectValue ?? [:]
        hints.contextLength = json["context"]?.intValue.flatMap { $0 >= ModelHints.leastContext ? $0 : nil }
        self.init(
            name: name, base: base, hints: hints, template: json["chat_template"]?.stringValue, license: json["license"]?.stringValue,
            created: json["created"]?.intValue ?? 0)
    }
}

/// The models that clients created, stored in one file: `{"NAME": {"base": "MODEL", …}, …}`. A running server reads the file on each scan of the
/// disk.
package struct CreatedModelFile: Sendable {
    private let file: NameFile
    /// The max size of one model in bytes.
    private static let largestModel = 1 << 20

    /// - directory: Shimmy's data directory.
    package init(directory: String) {
        file = NameFile(path: directory + "/models.json", content: "models and their settings", members: "created models", limit: 8 << 20)
    }

    package var path: String { file.path }

    /// The models in the order of their creation. Empty if the file does not exist or cannot be read.
    package var models: [CreatedModel] {
        guard let json = try? file.read() else { return [] }
        return json.compactMap { name, model in CreatedModel(name: name, model) }
    }

    /// The models as variants of their bases.
    package var variants: [ModelVariant] { models.map(\.variant) }

    /// Throws if a model has an invalid name or too large settings.
    package static func check(_ model: CreatedModel) throws(AliasFile.Refusal) {
        guard NameFile.isName(model.name) else {
            throw AliasFile.Refusal("'\(model.name)' is not a valid name; \(NameFile.form)")
        }
        guard model.json.text.utf8.count <= largestModel else {
            throw AliasFile.Refusal("the settings of \(model.name) have more than \(largestModel) bytes, which is the max")
        }
    }

    /// Adds a model, or replaces the model of that name.
    /// - isReplaced: whether the model of another name is removed at the same time.
    package func set(_ model: CreatedModel, isReplaced: (String) -> Bool = { _ in false }) throws(AliasFile.Refusal) {
        try Self.check(model)
        try file.set(model.name, to: model.json, isReplaced: isReplaced)
    }

    /// Removes a model. Returns whether the model existed.
    package func remove(_ name: String) throws(AliasFile.Refusal) -> Bool { try file.remove(name) }

    /// Returns the bases of all models. Throws if the file cannot be read.
    package func bases() throws(AliasFile.Refusal) -> Set<String> { Set(try file.read().compactMap { $0.value["base"]?.stringValue }) }

    /// Removes the unfinished files that killed processes left behind.
    package func clean() { file.clean() }
}
