import ShimmyAPI
import ShimmyChat
import ShimmyConfiguration
import ShimmyJSON
import ShimmyModels

/// What the configuration and the programs that keep models say of each model.
struct ModelBook: Sendable {
    private let presets: [ModelPreset]

    init(_ presets: [ModelPreset]) { self.presets = presets }

    /// As the file is now.
    static var current: ModelBook { ModelBook(ProcessConfiguration.shared.file?.presets ?? []) }

    // MARK: Names

    /// What each alias leads to.
    var aliases: [String: String] {
        Dictionary(presets.flatMap { preset in preset.aliases.map { ($0, preset.name) } }, uniquingKeysWith: { first, _ in first })
    }

    var variants: [ModelVariant] {
        presets.compactMap { preset in
            preset.base.map { ModelVariant(name: preset.name, base: $0, sharesEngine: !preset.concernsLoading) }
        }
    }

    // MARK: Presets

    /// All that is said of a model. What its own table says comes first, then what its base's says.
    func preset(for record: ModelRecord) -> ModelPreset {
        guard let base = record.base else { return table(of: record) ?? ModelPreset(name: record.id) }
        var found = record
        (found.id, found.base) = (base, nil)
        let own = presets.first { $0.base != nil && $0.name == record.id } ?? ModelPreset(name: record.id)
        return table(of: found).map(own.over) ?? own
    }

    /// Whether something is said of a model that concerns its engine: how it is loaded, or how long it stays.
    func loadsAlone(_ record: ModelRecord) -> Bool {
        let preset = preset(for: record)
        return preset.concernsLoading || preset.keepAlive != nil || preset.pin != nil
    }

    /// The table whose name is closest to the model's, as names of requests are.
    private func table(of record: ModelRecord) -> ModelPreset? {
        let ranked = presets.filter { $0.base == nil }.compactMap { preset in
            ModelCatalog.closeness(of: preset.name, to: record).map { (preset, $0) }
        }
        return ranked.min { ($0.1, $0.0.name) < ($1.1, $1.0.name) }?.0
    }

    /// What is preset for a model's requests. The configuration wins over what the program says that keeps the model.
    /// - common: fields of requests for all models, where neither says anything else.
    func request(for record: ModelRecord, common: JSONObject = [:]) -> RequestPreset {
        let preset = preset(for: record)
        return RequestPreset(
            system: preset.system ?? record.hints.system, examples: record.hints.messages.compactMap(\.chatMessage),
            defaults: common.merged(with: Self.usable(record.hints.defaults)).merged(with: preset.defaults), forced: preset.forced)
    }

    /// A chat request with what is preset for its model. Throws `APIError`.
    func chat(_ fields: JSONObject, for record: ModelRecord) throws(APIError) -> ChatRequest {
        let preset = request(for: record)
        var decoded = try ChatCompletionRequest(preset.applied(to: .object(fields), of: Compatibility.chatCompletions).request)
        preset.complete(&decoded.chat.conversation)
        return decoded.chat
    }

    /// Other programs have other bounds: what no request could say is left out.
    private static func usable(_ fields: JSONObject) -> JSONObject {
        var usable = JSONObject()
        for (name, value) in fields where RequestPreset.problem([name: value]) == nil { usable[name] = value }
        return usable
    }
}

extension ModelHints.Message {
    /// nil for a role that no conversation has.
    fileprivate var chatMessage: ChatMessage? {
        switch role {
        case "system", "user", "assistant": ChatMessage.Role(rawValue: role).map { ChatMessage($0, content) }
        default: nil
        }
    }
}
