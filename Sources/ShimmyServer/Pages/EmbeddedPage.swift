import CPage
import HTTPTypes
import Hummingbird
import ShimmyAPI

/// The page of the server in a browser: the files of `Page/`, as scripts/embed_page.py packed them into the program.
struct EmbeddedPage: Sendable {
    /// The page of this program.
    static let own = EmbeddedPage()

    /// The path of all files except the document.
    let prefix: String
    private let document: PageFile?
    private let files: [String: PageFile]

    private init() {
        prefix = "/page/\(String(cString: shimmy_page_version()))/"
        var files: [String: PageFile] = [:]
        for index in 0..<shimmy_page_count() {
            let file = shimmy_page_at(index)
            let path = String(cString: file.path)
            files[path] = PageFile(
                path: path, type: String(cString: file.type), tag: String(cString: file.tag),
                packed: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)), plainCount: file.plain_count,
                lifetime: path == Self.documentName ? .revalidated : .immutable)
        }
        document = files.removeValue(forKey: Self.documentName)
        self.files = files
    }

    private static let documentName = "index.html"

    /// Returns the document if the client prefers HTML; otherwise nil. A browser does, a program that checks the server's health does not.
    func document(for request: Request) throws(APIError) -> Response? {
        guard let document else { return nil }
        let accepted = QualityValues(request.headers[.accept])
        guard let quality = accepted["text/html"], quality > 0, quality >= accepted["text/plain"] ?? 0 else { return nil }
        var response = try document.response(to: request)
        response.headers[.vary] = "Accept, Accept-Encoding"
        return response
    }

    /// Returns the file at a path of the server; nil if there is none.
    func file(at path: String) -> PageFile? {
        path.hasPrefix(prefix) ? files[String(path.dropFirst(prefix.count))] : nil
    }
}
