import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyModels

/// The routes of models in the shape of Anthropic's API. They read nothing that a loading model could delay.
struct AnthropicModelRoutes: Sendable {
    let models: ModelManager
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let contextLength: @Sendable (ModelRecord) -> Int?

    /// Returns the models that answer messages. An alias is a model of its own, so that clients that show only names of Claude find it.
    func list(_ request: Request) async throws -> Response {
        let query = request.query
        let limit = try query.integer("limit", in: 1...1000) ?? 20
        var found: [AnthropicModel] = []
        for record in await models.list().filter(\.isUsable) {
            found.append(describe(record))
            for alias in await models.aliases(of: record) { found.append(describe(record, alias: alias)) }
        }
        let page = try AnthropicModel.page(found, limit: limit, after: query.string("after_id"), before: query.string("before_id"))
        var response = Response.json(page)
        response.reportIgnored(query.names(besides: ["limit", "after_id", "before_id", "beta"]))
        return response
    }

    func retrieve(_ name: String) async throws -> Response {
        let record = try await models.find(name)
        let isAlias = await models.aliases(of: record).contains(name)
        return .json(describe(record, alias: isAlias ? name : nil).json)
    }

    private func describe(_ record: ModelRecord, alias: String? = nil) -> AnthropicModel {
        AnthropicModel(
            id: alias ?? record.id, displayName: alias.map { "\($0) (\(record.id))" } ?? record.id, created: record.modified,
            contextLength: models.loadedBackend(record)?.knownContextLength ?? contextLength(record))
    }
}
