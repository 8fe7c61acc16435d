package import ShimmyChat
import ShimmyCore

/// A model that upstreams offer under one id.
package struct UpstreamOffer: Sendable, Equatable {
    package struct Replica: Sendable, Equatable {
        /// The name of the upstream.
        package let upstream: String
        /// The model's id at the upstream.
        package let model: String
    }

    package let id: String
    package let replicas: [Replica]
    package let role: ModelRole
    /// The max length of prompt and answer that all replicas accept, in tokens; nil if none of them says.
    package let contextLength: Int?
    /// The capabilities that all replicas report: `tools`, `thinking`, `vision`, `audio`.
    package let abilities: [String]
    /// The kinds of media that the model may read: all kinds except those that a replica excludes.
    package let media: MediaKinds
    /// The Unix time at which the model was made, or was first seen; 0 if unknown.
    package let created: Int
    /// Whether all replicas say that the model does not reason.
    package let lacksReasoning: Bool
    /// Whether the model also has an id without the name of an upstream.
    package var hasShortID = false

    init(id: String, _ members: [(upstream: String, model: UpstreamModel)]) {
        self.id = id
        replicas = members.map { Replica(upstream: $0.upstream, model: $0.model.id) }
        role = UpstreamCatalog.role(of: members[0].model)
        contextLength = members.compactMap { $0.model.contextLength }.min()
        created = members.compactMap { $0.model.created }.min() ?? 0
        lacksReasoning = members.allSatisfy { $0.model.reasons == false }
        let all: [(String, KeyPath<UpstreamModel, Bool?>)] = [
            ("tools", \.takesTools), ("thinking", \.reasons), ("vision", \.takesImages), ("audio", \.takesAudio),
        ]
        abilities = all.filter { ability in members.allSatisfy { $0.model[keyPath: ability.1] == true } }.map { $0.0 }
        let kinds: [(MediaKinds, KeyPath<UpstreamModel, Bool?>)] = [(.image, \.takesImages), (.audio, \.takesAudio)]
        media = MediaKinds(kinds.filter { kind in !members.contains { $0.model[keyPath: kind.1] == false } }.map { $0.0 })
    }
}

/// The ids of all models of the upstreams.
///
/// Each model has the id `<upstream>/<id>`. It also has the id that its upstream gives it, after the upstream's prefix; upstreams with the same such
/// id are replicas of one model.
package struct UpstreamCatalog: Sendable, Equatable {
    /// The max number of models of an upstream, and the max bytes of an id. Further models are left out.
    static let mostModels = 1000
    static let longestID = 256

    package let offers: [UpstreamOffer]
    private let indices: [String: Int]

    /// - members: the upstreams in the order of the configuration, each with all models that it has.
    init(_ members: [(settings: UpstreamSettings, models: [UpstreamModel])]) {
        var qualified: [UpstreamOffer] = []
        var short: [String: [(upstream: String, model: UpstreamModel)]] = [:]
        var order: [String] = []
        for (settings, models) in members {
            for model in Self.offered(models, by: settings) {
                qualified.append(UpstreamOffer(id: "\(settings.name)/\(model.id)", [(settings.name, model)]))
                let id = settings.prefix + model.id
                if short[id] == nil { order.append(id) }
                // A server that has a model of the same name for another purpose has another model.
                if let first = short[id]?.first, Self.role(of: first.model) != Self.role(of: model) { continue }
                short[id, default: []].append((settings.name, model))
            }
        }
        let taken = Set(qualified.map(\.id))
        var shortened: Set<UpstreamOffer.Replica> = []
        var offers: [UpstreamOffer] = []
        for id in order where !taken.contains(id) {
            guard let replicas = short[id] else { continue }
            let offer = UpstreamOffer(id: id, replicas)
            shortened.formUnion(offer.replicas)
            offers.append(offer)
        }
        offers += qualified.map { offer in
            var offer = offer
            offer.hasShortID = offer.replicas.allSatisfy(shortened.contains)
            return offer
        }
        self.offers = offers
        indices = Dictionary(offers.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package func offer(_ id: String) -> UpstreamOffer? { indices[id].map { offers[$0] } }

    /// Returns the ids that an upstream's models have at the upstream.
    func models(of upstream: String) -> [String] {
        offers.flatMap { offer in offer.replicas.filter { $0.upstream == upstream && offer.id == "\(upstream)/\($0.model)" } }.map(\.model)
    }

    /// Returns the purpose of a model that may have several.
    static func role(of model: UpstreamModel) -> ModelRole { model.roles.contains(.chat) ? .chat : model.roles.first ?? .chat }

    private static func offered(_ models: [UpstreamModel], by settings: UpstreamSettings) -> [UpstreamModel] {
        var seen: Set<String> = []
        let usable = models.lazy.filter { model in
            !model.id.isEmpty && model.id.utf8.count <= longestID && !model.id.unicodeScalars.contains { $0.properties.generalCategory == .control }
                && (settings.models.isEmpty || settings.models.contains { model.id.fits(pattern: $0) })
        }
        return usable.prefix(mostModels).filter { seen.insert($0.id).inserted }
    }
}

extension UpstreamOffer.Replica: Hashable {}
