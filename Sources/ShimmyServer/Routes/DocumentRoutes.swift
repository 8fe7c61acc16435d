import HTTPTypes
import Hummingbird
package import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import Synchronization

/// `GET /openapi.json`, the description of all routes for programs, and `GET /docs`, a page that shows it to people. Neither needs a key:
/// they contain nothing about the models or the configuration of this server.
struct DocumentRoutes: Sendable {
    private let document: Document

    /// - others: the other routes of the server.
    init(others: [Route], version: String) {
        let own = Self.paths.map { path in
            DocumentedRoute(
                method: "GET", name: path, path: path, otherPaths: [], apis: [.openAI], isOwn: true, needsKey: false, isProbe: false, isSocket: false)
        }
        document = Document(others.map(\.documented) + own, version)
    }

    var routes: [Route] {
        Self.paths.map { path in
            Route(own: .get, path, .read, prefixes: .none, access: .open) { [document] request, _ in
                switch path {
                case Self.page: return Self.pageFile.response(to: request)
                case Self.style: return Self.styleFile.response(to: request)
                case Self.script: return Self.scriptFile.response(to: request)
                default: return try await document.file().response(to: request)
                }
            }
        }
    }

    private static let page = "/docs"
    private static let style = "/docs/style.css"
    private static let script = "/docs/script.js"
    private static let paths = ["/openapi.json", page, style, script]

    private static let pageFile = ServedFile(Array(DocsPage.html.utf8), type: "text/html; charset=utf-8")
    private static let styleFile = ServedFile(Array(DocsStyle.css.utf8), type: "text/css; charset=utf-8")
    private static let scriptFile = ServedFile(Array(DocsScript.text.utf8), type: "text/javascript; charset=utf-8")

    /// The document, which is written when a client first asks for it.
    private final class Document: Sendable {
        private let source: OpenAPIDocument
        private let made = Mutex<ServedFile?>(nil)

        init(_ routes: [DocumentedRoute], _ version: String) {
            source = OpenAPIDocument(routes: routes, version: version, reportHeaders: HTTPField.Name.reports.map(\.rawName))
        }

        func file() async throws -> ServedFile {
            if let file = made.withLock({ $0 }) { return file }
            let bytes = try await WorkerPool.input.run { [source] _ in source.json.serialized() }
            let file = ServedFile(bytes, type: "application/json")
            made.withLock { $0 = file }
            return file
        }
    }
}

extension RouteTable {
    /// Returns the table with the routes that describe it.
    func documented(version: String) -> RouteTable {
        RouteTable(routes: routes + DocumentRoutes(others: routes, version: version).routes)
    }

    /// The routes as the OpenAPI document describes them.
    package var documentedRoutes: [DocumentedRoute] { routes.map(\.documented) }
}

extension Route {
    /// The route as the OpenAPI document describes it: at its path below `/v1` if it has one, except for probes.
    var documented: DocumentedRoute {
        let paths = prefixes.texts.map { $0 + path }
        let main = (access == .probe ? paths.first : paths.last) ?? path
        return DocumentedRoute(
            method: method.rawValue, name: path, path: main, otherPaths: paths.filter { $0 != main },
            apis: RouteTable.isShared(self) ? [.openAI, .anthropic] : [api], isOwn: !isInMatrix, needsKey: access.needsKey,
            needsAdmin: access == .admin || access == .puller, isProbe: access == .probe, isSocket: effect == .socket)
    }
}
