import CInflate
import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import Synchronization

/// A file of the page, which the program contains compressed. A client that does not accept gzip gets it decompressed.
final class PageFile: Sendable {
    /// How long clients may use the file without asking.
    enum Lifetime: Sendable {
        /// They ask each time whether it has changed.
        case revalidated
        /// For ever: another content has another path.
        case immutable

        fileprivate var cacheControl: String {
            switch self {
            case .revalidated: "no-cache"
            case .immutable: "public, max-age=31536000, immutable"
            }
        }
    }

    let path: String
    private let type: String
    private let packed: ByteBuffer
    private let plainCount: Int
    /// The tags of the compressed and of the plain content.
    private let tags: (packed: String, plain: String)
    private let lifetime: Lifetime
    /// The decompressed content, once a client has asked for it.
    private let plain = Mutex<ByteBuffer?>(nil)

    /// - tag: the hexadecimal digits of a hash of the content.
    init(path: String, type: String, tag: String, packed: [UInt8], plainCount: Int, lifetime: Lifetime) {
        self.path = path
        self.type = type
        self.packed = ByteBuffer(bytes: packed)
        self.plainCount = plainCount
        self.lifetime = lifetime
        tags = ("\"\(tag)-gzip\"", "\"\(tag)\"")
    }

    func response(to request: Request) throws(APIError) -> Response {
        let takesGzip = QualityValues(request.headers[.acceptEncoding]).takesGzip
        var headers = PagePolicy.headers(ofFile: path)
        headers[.eTag] = takesGzip ? tags.packed : tags.plain
        headers[.cacheControl] = lifetime.cacheControl
        headers[.vary] = "Accept-Encoding"
        if request.knows(tags.packed) || request.knows(tags.plain) { return Response(status: .notModified, headers: headers) }
        let bytes = try takesGzip ? packed : plainBytes()
        headers[.contentType] = type
        headers[.contentLength] = "\(bytes.readableBytes)"
        if takesGzip { headers[.contentEncoding] = "gzip" }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
    }

    private func plainBytes() throws(APIError) -> ByteBuffer {
        if let known = plain.withLock({ $0 }) { return known }
        guard let bytes = inflated() else { throw .internal("The file '\(path)' of the page cannot be decompressed.") }
        let buffer = ByteBuffer(bytes: bytes)
        plain.withLock { $0 = buffer }
        return buffer
    }

    /// Returns the decompressed content, at most `plainCount` bytes; nil if it has another size.
    private func inflated() -> [UInt8]? {
        guard let inflate = shimmy_inflate_make(shimmy_inflate_gzip_or_zlib) else { return nil }
        defer { shimmy_inflate_free(inflate) }
        let input = Array(packed.readableBytesView)
        var output = [UInt8](repeating: 0, count: plainCount + 1)
        var (position, count) = (0, 0)
        while true {
            var (used, written) = (0, 0)
            let status = input.withUnsafeBufferPointer { input in
                output.withUnsafeMutableBufferPointer { output in
                    shimmy_inflate_step(
                        inflate, input.baseAddress.map { $0 + position }, input.count - position, &used,
                        output.baseAddress.map { $0 + count }, output.count - count, &written)
                }
            }
            position += used
            count += written
            switch status {
            case shimmy_inflate_end: return count == plainCount ? Array(output.prefix(count)) : nil
            case shimmy_inflate_more where used > 0 || written > 0: continue
            default: return nil
            }
        }
    }
}
