import HTTPTypes
import Hummingbird
import ShimmyAPI

/// The files of the page in a browser, which need no key: they contain nothing about this server. `HealthRoutes` sends the document itself.
struct PageRoutes: Sendable {
    /// The page; nil if it is turned off.
    let page: EmbeddedPage?

    var routes: [Route] {
        guard let page else { return [] }
        return [
            Route(own: .get, "/page/{file}", .read, prefixes: .none, access: .open) { request, _ in
                // A tab that is older than the program asks for files of an earlier version.
                guard let file = page.file(at: request.uri.path) else {
                    throw APIError(status: 404, message: "The page has no such file. Reload the page; it may have changed.", code: "not_found")
                }
                return try file.response(to: request)
            }
        ]
    }
}
