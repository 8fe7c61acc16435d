import Crypto
import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyCore

/// A file of the program that clients may keep: they ask with `If-None-Match` whether their version is still the current one.
struct ServedFile: Sendable {
    /// The `Content-Type`.
    let type: String
    private let bytes: ByteBuffer
    /// The `ETag`, made from the bytes.
    private let tag: String

    init(_ bytes: [UInt8], type: String) {
        self.type = type
        self.bytes = ByteBuffer(bytes: bytes)
        tag = "\"\(SHA256.hash(data: bytes).prefix(16).hexadecimal)\""
    }

    /// A page may use only files of this server, and runs no script in its text.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'"

    func response(to request: Request) -> Response {
        var headers: HTTPFields = [
            .eTag: tag, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff", .contentSecurityPolicy: Self.policy,
        ]
        if request.knows(tag) { return Response(status: .notModified, headers: headers) }
        headers[.contentType] = type
        headers[.contentLength] = "\(bytes.readableBytes)"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
    }
}

extension Request {
    /// Returns whether `If-None-Match` contains a tag: the client has this version already. The header has tags, separated by commas, or an asterisk.
    func knows(_ tag: String) -> Bool {
        (headers[.ifNoneMatch] ?? "").split(separator: ",").contains { element in
            let known = element.trimmingSpaces
            return known == "*" || known == tag || known == "W/" + tag
        }
    }
}
