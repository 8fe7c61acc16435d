import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyCore
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// `GET /admin/downloads`, an API of Shimmy: the downloads from the hub that are not complete, and the deletion of their data.
/// `POST /v1/models/pull` with the `model` of an element continues it.
struct DownloadRoutes: Sendable {
    let hub: HubAccess
    let models: ModelManager

    private static let path = "/admin/downloads"

    var routes: [Route] {
        [
            Route(own: .get, Self.path, .read, prefixes: .none, access: .admin) { [hub] request, _ in
                try request.query.check([])
                let all = try await WorkerPool.files.run(.slow) { _ in hub.unfinished.all() }
                var response = Response.json(["object": "list", "data": .array(all.map(\.json))])
                response.headers[.cacheControl] = "no-store"
                return response
            },
            Route(own: .delete, Self.path + "/{model}", .write, prefixes: .none, access: .admin, handler: delete),
        ]
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        guard let address = Self.address(inPath: request.uri.path) else { throw APIError.notFound("Download", request.uri.path) }
        do {
            let isRemoved = try await WorkerPool.files.run(.slow) { [hub] _ in try hub.unfinished.remove(address) }
            if !isRemoved { throw APIError.notFound("Download", address) }
        } catch HubError.busy {
            throw APIError(
                status: 409, message: "The download of '\(address)' is in progress. Stop it before you delete its data.", param: "model",
                code: "pull_in_progress")
        }
        // Parts of a model that were complete are gone, too.
        await models.rescan()
        context.logger.notice("download deleted", metadata: ["model": "\(address)"])
        return .json(["object": "download.deleted", "model": .string(address), "deleted": true])
    }

    /// Returns the address in a path, whose slashes clients may percent-encode; nil if it has none.
    private static func address(inPath path: String) -> String? {
        path.firstRange(of: Self.path + "/").flatMap { PercentEncoding.decoded(path[$0.upperBound...]) }
    }
}

extension UnfinishedPulls.Element {
    fileprivate var json: JSON {
        [
            "object": "download", "model": .string(address), "repository": .string(repository), "completed": .int(doneBytes),
            "total": .int(pull.totalBytes), "running": .bool(isRunning), "created_at": .int(pull.begun),
        ]
    }
}
