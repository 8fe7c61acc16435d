import CInflate
import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyCore
import Synchronization

/// Compresses whole responses for clients that accept gzip. Streams stay as they are, so that no event waits for later ones.
struct CompressionMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    /// The bytes of bodies that are compressed. A shorter one gains little, and a longer one would be in memory twice.
    private static let sizes = 4096...16 << 20
    /// Bodies of up to this size are compressed within a few milliseconds.
    private static let quickBytes = 256 << 10

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        var response = try await next(request, context)
        guard request.method != .head, Self.canBeCompressed(response) else { return response }
        response.headers[.vary] = [response.headers[.vary], "Accept-Encoding"].compactMap { $0 }.joined(separator: ", ")
        guard QualityValues(request.headers[.acceptEncoding]).takesGzip else { return response }
        let collected = CollectedBody()
        try await response.body.write(collected)
        let plain = collected.bytes
        let lane: WorkerPool.Lane = plain.readableBytes > Self.quickBytes ? .slow : .quick
        guard let packed = try await WorkerPool.input.run(lane, { _ in Self.compressed(plain) }) else {
            response.body = ResponseBody(byteBuffer: plain)
            return response
        }
        response.body = ResponseBody(byteBuffer: packed)
        response.headers[.contentLength] = "\(packed.readableBytes)"
        response.headers[.contentEncoding] = "gzip"
        // A strong tag names the bytes, which have changed.
        if let tag = response.headers[.eTag], tag.hasPrefix("\"") { response.headers[.eTag] = "W/\(tag)" }
        return response
    }

    private static func canBeCompressed(_ response: Response) -> Bool {
        guard let count = response.body.contentLength, sizes.contains(count), response.headers[.contentEncoding] == nil else { return false }
        if response.headers[.vary]?.lowercased().contains("accept-encoding") == true { return false }
        let type = response.headers[.contentType] ?? ""
        return type.hasPrefix("application/json") || type.hasPrefix("application/openmetrics-text") || type.hasPrefix("text/")
    }

    /// Returns the body as gzip data; nil if it would not be shorter.
    private static func compressed(_ plain: ByteBuffer) -> ByteBuffer? {
        let packed = [UInt8](unsafeUninitializedCapacity: plain.readableBytes) { output, count in
            count = plain.withUnsafeReadableBytes { input in
                shimmy_gzip(input.bindMemory(to: UInt8.self).baseAddress, input.count, output.baseAddress, output.count)
            }
        }
        return packed.isEmpty ? nil : ByteBuffer(bytes: packed)
    }
}

/// A writer that keeps a body in memory.
private struct CollectedBody: ResponseBodyWriter {
    private final class Storage: Sendable {
        let buffer = Mutex(ByteBuffer())
    }

    private let storage = Storage()

    var bytes: ByteBuffer { storage.buffer.withLock { $0 } }

    mutating func write(_ buffer: ByteBuffer) async throws {
        storage.buffer.withLock { _ = $0.writeImmutableBuffer(buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
