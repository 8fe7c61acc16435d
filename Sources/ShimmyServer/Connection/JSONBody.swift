import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyJSON

/// Reads a request's body as JSON within the server's limits.
struct JSONBodyReader: Sendable {
    let limits: ServerLimits

    func read(_ request: Request) async throws -> JSON {
        let mediaType = request.headers[.contentType]?.split(separator: ";").first?.lowercased()
        guard mediaType?.trimmingSpaces == "application/json", request.headers[.contentEncoding] == nil else { throw APIError.notJSON }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
            throw APIError.bodyTooLarge(limit: limits.bodyBytes)
        }
        let bytes = try await collect(request.body)
        do {
            return try JSON.parse(bytes, limits: JSONLimits(depth: limits.jsonDepth))
        } catch {
            throw APIError.malformedJSON(error)
        }
    }

    /// The body of a request that needs none: an empty object if there is none.
    func readOptional(_ request: Request) async throws -> JSON {
        let isEmpty = request.headers[.transferEncoding] == nil && (request.headers[.contentLength] ?? "0") == "0"
        return isEmpty ? [:] : try await read(request)
    }

    /// A client that sends a byte now and then is cut off by the total time, one that stops by the connection's idle time.
    private func collect(_ body: RequestBody) async throws -> [UInt8] {
        let deadline = ContinuousClock.now + limits.requestTime
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= limits.bodyBytes else { throw APIError.bodyTooLarge(limit: limits.bodyBytes) }
            if ContinuousClock.now > deadline { throw APIError.bodyTooSlow }
            bytes += buffer.readableBytesView
        }
        return bytes
    }
}

extension StringProtocol {
    var trimmingSpaces: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
